// take_parent_socket: the connected unix socket that a private child is given as descriptor 0.
// Thread: the main thread at start. Errors: vault_unavailable internal.
#pragma once

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::daemon {

// Afterwards descriptor 0 is /dev/null.
Result<platform::Descriptor> take_parent_socket();

}  // namespace aivault::daemon
