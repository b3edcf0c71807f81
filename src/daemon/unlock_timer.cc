#include "daemon/unlock_timer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

namespace aivault::daemon {

Result<std::unique_ptr<UnlockTimer>> UnlockTimer::start(vault::Slot& slot) {
  platform::Descriptor timer(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  platform::Descriptor end(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!timer || !end) return vault_unavailable("internal", "the kernel gives no timer");
  return std::unique_ptr<UnlockTimer>(new UnlockTimer(slot, std::move(timer), std::move(end)));
}

UnlockTimer::UnlockTimer(vault::Slot& slot, platform::Descriptor timer, platform::Descriptor end)
    : slot_(slot), timer_(std::move(timer)), end_(std::move(end)) {
  slot_.on_deadline([this](const vault::Slot::Deadline& deadline) { set(deadline); });
  thread_ = std::thread([this] { run(); });
}

UnlockTimer::~UnlockTimer() {
  slot_.on_deadline(nullptr);
  const std::uint64_t one = 1;
  (void)!::write(end_.get(), &one, sizeof(one));
  thread_.join();
}

void UnlockTimer::set(const vault::Slot::Deadline& deadline) {
  itimerspec when{};  // Zero: none.
  if (deadline) {
    const auto time = deadline->time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    when.it_value.tv_sec = seconds.count();
    // Never zero, which would mean none.
    when.it_value.tv_nsec = 1 + std::chrono::nanoseconds(time - seconds).count();
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void UnlockTimer::run() {
  while (true) {
    std::array<pollfd, 2> waiting{{{timer_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    std::uint64_t times = 0;
    if (waiting[0].revents != 0 && ::read(timer_.get(), &times, sizeof(times)) > 0) {
      slot_.lock_overdue();
    }
  }
}

}  // namespace aivault::daemon
