// probe: asks whoever listens at a socket path whether it is a daemon that serves.
// Thread: the main thread at start; blocks for at most two seconds.
#pragma once

#include <cstdint>
#include <string>

namespace aivault::daemon {

enum class Presence : std::uint8_t {
  nobody,  // Nothing there, or a socket that nobody listens on.
  serving,
  draining,
  unknown,  // Somebody who gives no answer of ours.
};
struct FoundDaemon {
  Presence presence = Presence::unknown;
  bool autostarted = false;  // A command started it for itself; nobody counts on its staying.
  std::int64_t uid = -1;     // Of whoever listens there.
};
FoundDaemon find_daemon(const std::string& socket_path);
Presence probe(const std::string& socket_path);
// True: it ends as soon as what runs in it has ended.
bool ask_to_leave(const std::string& socket_path);

}  // namespace aivault::daemon
