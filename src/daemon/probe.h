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
Presence probe(const std::string& socket_path);

}  // namespace aivault::daemon
