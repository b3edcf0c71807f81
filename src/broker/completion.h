// complete: fills in a method or path that the caller left out, where the capability allows
// exactly one.
// Thread: any; pure. Errors: invalid_request field_required.
#pragma once

#include "base/result.h"
#include "protocol/envelope.h"
#include "registry/definition.h"

namespace aivault::broker {

Result<void> complete(const registry::Capability& capability, protocol::Envelope& envelope);

}  // namespace aivault::broker
