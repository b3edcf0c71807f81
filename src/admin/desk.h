// Desk: what operator use cases work on. Owned by daemon/main.
// Thread: the operator thread, except where a member says otherwise.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "http/host.h"
#include "json/value.h"
#include "tokens/notices.h"
#include "vault/slot.h"

namespace aivault::admin {

// What is in force of the configuration, and what its files say at this moment.
struct ConfigurationState {
  std::vector<std::string> files;                  // That it was read from.
  std::vector<std::string> in_force;               // "limits.calls = 10": what is not as built in.
  std::string problem;                             // Of the files as they are now; empty: none.
  std::vector<std::string> to_reload, to_restart;  // Keys that they have changed since.
};

// Facts about the process that the daemon knows; constant after start unless a function.
struct DaemonFacts {
  std::string version;
  std::string socket;  // Operator socket; empty in a private child.
  std::int64_t pid = 0, uid = 0;
  bool shared = false, autostarted = false, private_child = false;
  bool memory_locked = false;
  std::string config_user_socket, config_shared_socket;
  std::string listen;                          // Where it listens on TCP; empty: nowhere.
  std::vector<std::string> listen_origins;     // Of pages that may call it all the same.
  std::function<json::Value()> hardening;      // Object of daemon.md 7.3.
  std::function<std::uint64_t()> log_dropped;  // Lines.
  // The last call of the daemon's own user; unset: not known.
  std::function<std::optional<std::chrono::steady_clock::time_point>()> last_own_call;
  std::vector<std::string> development;  // AIVAULT_DEV_* variables that it heeds.
  // For `doctor`, which they may keep waiting; unset: there is nothing to say.
  std::function<ConfigurationState()> configuration;
  std::function<Result<std::size_t>()> count_roots;
  std::function<Result<void>(const http::Authority& host)> look_up;
};

class Desk {
 public:
  vault::Slot& slot;
  catalog::Catalog& catalog;
  const DaemonFacts& facts;
  const tokens::Notices* notices = nullptr;  // What calls found out about tokens; any thread.
};

}  // namespace aivault::admin
