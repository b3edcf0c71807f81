// Activation: listening sockets that a service manager opened for us and passed on
// (sd_listen_fds(3)). Their paths, modes and owners are the manager's.
// Thread: the main thread at start. Errors: vault_unavailable internal
// `descriptor N of the service manager ...`; unsafe_path of their directories.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/call.h"
#include "daemon/tcp_listener.h"
#include "platform/descriptor.h"
#include "platform/environment.h"

namespace aivault::daemon {

struct PassedName {
  int descriptor = -1;
  std::string name;  // agent, operator, or whatever the unit is called.
};
// LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; empty if they are meant for another process.
Result<std::vector<PassedName>> passed_descriptors(const platform::Environment& environment);

struct PassedSocket {
  platform::Descriptor listening;
  std::string path;
  broker::Door door = broker::Door::operator_socket;
  std::optional<TcpPlace> tcp{};  // One of the loopback, which has no path.
};
// `agent_socket`: the path that tells an unnamed one for agents from one for the operator.
Result<std::vector<PassedSocket>> take_passed_sockets(const std::vector<PassedName>& names,
                                                      const std::string& agent_socket);

}  // namespace aivault::daemon
