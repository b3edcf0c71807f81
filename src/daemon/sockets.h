// Sockets: everything a daemon listens on, taken at its start: the operator socket, with --shared
// the agent socket beside it, each made here or passed by a service manager; or the one connection
// of a private child.
// Thread: the main thread at start; waits for a predecessor that is leaving.
// Errors: those of Claim; vault_unavailable internal `... without the shared socket; ...`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/call.h"
#include "daemon/activation.h"
#include "daemon/claim.h"
#include "daemon/parent_socket.h"
#include "daemon/settings.h"
#include "daemon/tcp_listener.h"
#include "platform/descriptor.h"

namespace aivault::daemon {

struct Listening {
  std::optional<Claim> claim;   // A path of our own,
  platform::Descriptor passed;  // or a socket of the service manager, which keeps its path.
  broker::Door door = broker::Door::operator_socket;

  platform::Descriptor take() { return std::move(claim ? claim->listening : passed); }
};

struct Sockets {
  std::vector<Listening> listening;    // Of a daemon,
  std::vector<TcpListening> tcp;       // of its loopback ports, if there are any,
  std::optional<ParentSocket> parent;  // or of a private child.

  std::vector<Claim*> claims();
  void give_up_paths();
};

// The parent of a private child passes it connections; else the parent is the one connection.
bool passes_connections(const Sockets& sockets);

struct Taken {
  std::optional<Sockets> sockets;
  std::string occupied;  // The path where another daemon serves already, if there are none.
};
// A loopback port is taken last, and only if none was passed.
// An agent socket that is passed makes the daemon a shared one: `settings` says so afterwards.
Result<Taken> take_sockets(Settings& settings, const std::vector<PassedName>& passed);

}  // namespace aivault::daemon
