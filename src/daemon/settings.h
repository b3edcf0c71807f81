// Settings: what arguments, environment and configuration files say about this daemon, checked in
// full. A flag counts before a variable, a variable before a file.
// Thread: any. Errors: one sentence for people, for example `invalid AIVAULTD_SOCKET_MODE '...'`,
// `<NAME> is disabled in release builds`, `run aivaultd as '<owner>'`.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "daemon/arguments.h"
#include "daemon/tcp_listener.h"
#include "platform/environment.h"
#include "platform/hardening.h"
#include "platform/log.h"
#include "platform/places.h"
#include "upstream/resolver.h"
#include "vault/vault.h"

namespace aivault::daemon {

// AIVAULT_DEV_*: never set in a release build.
struct Development {
  std::vector<std::string> names;  // Of the variables that are set.
  std::vector<upstream::DevAddress> addresses;
  std::string ca_pem;
  bool allow_non_default_ports = false, allow_remote_clients = false, secret_echo = false;
};

// How much is served at once; what docs/daemon.md says.
struct ServiceLimits {
  std::size_t connections = 2048, connections_per_uid = 256;
  std::size_t calls = 2048, calls_per_identity = 256;
  std::size_t memory = std::size_t{128} << 20U;
  std::size_t websocket_message = std::size_t{16} << 20U;
};

struct SandboxWishes {
  bool enforced = true;
  bool required = false;  // Without every layer of it the daemon does not start.
  std::vector<std::string> readable, writable;  // Besides what the daemon itself needs.
};

struct Settings {
  bool once = false, private_child = false;
  std::string socket;  // Empty for a private child.
  mode_t socket_mode = 0600, directory_mode = 0700;
  // The second socket, for callers under other users; empty: none.
  std::string agent_socket;
  mode_t agent_socket_mode = 0660, agent_directory_mode = 0750;
  bool is_shared() const { return !agent_socket.empty(); }
  std::optional<TcpPlace> listen;           // Of the loopback; unset: no TCP.
  std::vector<std::string> listen_origins;  // Of pages that may call all the same.
  std::chrono::milliseconds idle_exit{0};   // 0: never.
  std::chrono::milliseconds drain_timeout = std::chrono::seconds(10);
  ServiceLimits limits;
  SandboxWishes sandbox;
  std::vector<std::string> configuration_files;   // That were read.
  std::vector<std::string> configuration_places;  // Where they are looked for again.
  platform::LogLevel log_level = platform::LogLevel::info;
  bool require_locked_memory = false;
  bool supervised = false;  // A service manager starts us again.
  platform::Places places;
  vault::Options vault;
  Development development;
};

Result<Settings> make_settings(const Arguments& arguments,
                               const platform::Environment& environment);

// The same without the development variables, for a daemon that serves already: only files change.
Result<Settings> read_settings(const Arguments& arguments,
                               const platform::Environment& environment);

// AIVAULTD_READY_FD.
Result<std::optional<int>> ready_descriptor(const platform::Environment& environment);

// Whose vault this is decides whether root may serve it at all, and who root's private child is
// before it opens anything in it: what a user's vault names must not be reached with more rights
// than that user has.
Result<std::optional<platform::Identity>> check_owner(const Settings& settings);

}  // namespace aivault::daemon
