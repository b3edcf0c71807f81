// parse_duration: `500ms`, `30s`, `15m`, `12h`, `7d` or a bare number of seconds.
// Thread: any; pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace aivault::daemon {

// nullopt: malformed, or longer than ten years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace aivault::daemon
