// Moment: the spellings of durations and points in time on the command line. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace aivault::cli {

// "500ms", "30s", "15m", "12h", "7d"; a bare integer is seconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// RFC 3339, Unix milliseconds, or a duration counted from `now`.
std::optional<UnixMs> parse_moment(std::string_view text, UnixMs now);

}  // namespace aivault::cli
