// Sockets: everything a daemon listens on, taken at its start: the operator socket, with --shared
// the agent socket beside it, or the one connection of a private child.
// Thread: the main thread at start; waits for a predecessor that is leaving.
// Errors: those of Claim; vault_unavailable internal `... without the shared socket; ...`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/call.h"
#include "daemon/claim.h"
#include "daemon/settings.h"
#include "platform/descriptor.h"

namespace aivault::daemon {

struct Listening {
  Claim claim;
  broker::Door door = broker::Door::operator_socket;
};

struct Sockets {
  std::vector<Listening> listening;  // A daemon's paths, the operator's first,
  platform::Descriptor connected;    // or the parent of a private child.

  std::vector<Claim*> claims();
  void give_up_paths();
};

struct Taken {
  std::optional<Sockets> sockets;
  std::string occupied;  // The path where another daemon serves already, if there are none.
};
Result<Taken> take_sockets(const Settings& settings);

}  // namespace aivault::daemon
