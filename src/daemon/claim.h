// Claim: the right to a socket path, held for life. One daemon per path: whoever holds
// `<path>.lock` listens there, a dead socket is replaced, anything else is left alone.
// Thread: the main thread at start; waits for a predecessor that is leaving.
// Errors: those of SocketDirectory; vault_unavailable internal.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "platform/descriptor.h"
#include "platform/unix_listener.h"

namespace aivault::daemon {

struct Claim {
  platform::SocketDirectory directory;
  platform::Descriptor lock;
  platform::Descriptor listening;  // Moves on to the server.

  // The path is free for a successor from here on; nobody connects to us any more.
  void give_up_path() { directory.unlink_ours(); }
  void give_up_lock() { lock.reset(); }
};

// nullopt: a daemon is already running there.
Result<std::optional<Claim>> claim_path(const std::string& socket_path,
                                        mode_t socket_mode,
                                        mode_t directory_mode);

}  // namespace aivault::daemon
