// BootClock: time since the machine started, suspend included; nobody can set it.
// Thread: any. Source: clock_gettime(2), CLOCK_BOOTTIME.
#pragma once

#include <chrono>

namespace aivault::platform {

struct BootClock {
  // The names are those that the standard wants of a clock.
  // NOLINTBEGIN(readability-identifier-naming)
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  // NOLINTEND(readability-identifier-naming)
  static time_point now() noexcept;
};

}  // namespace aivault::platform
