#include "platform/boot_clock.h"

#include <ctime>

namespace aivault::platform {

BootClock::time_point BootClock::now() noexcept {
  timespec time{};
  (void)::clock_gettime(CLOCK_BOOTTIME, &time);  // Cannot fail for this clock.
  return time_point(std::chrono::duration_cast<duration>(std::chrono::seconds(time.tv_sec) +
                                                         std::chrono::nanoseconds(time.tv_nsec)));
}

}  // namespace aivault::platform
