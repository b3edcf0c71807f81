// Time: Unix milliseconds as a type. The clock is read by callers, never by pure modules.
#pragma once

#include <chrono>
#include <cstdint>

namespace aivault {

using UnixMs = std::chrono::sys_time<std::chrono::milliseconds>;

inline std::int64_t to_int(UnixMs t) { return t.time_since_epoch().count(); }
inline UnixMs from_int(std::int64_t ms) { return UnixMs(std::chrono::milliseconds(ms)); }

}  // namespace aivault
