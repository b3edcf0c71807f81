// UnlockTimer: locks the vault when the time of an unlock is over, so that its keys leave memory
// even if nobody asks for anything. Time that the machine sleeps counts.
// Thread: one of its own. Errors: of start(), when the kernel gives no timer.
// Source: timerfd_create(2), CLOCK_BOOTTIME.
#pragma once

#include <memory>
#include <thread>

#include "base/result.h"
#include "platform/descriptor.h"
#include "vault/slot.h"

namespace aivault::daemon {

class UnlockTimer {
 public:
  // Listens to the deadlines of the slot from now on; ends before it.
  static Result<std::unique_ptr<UnlockTimer>> start(vault::Slot& slot);
  ~UnlockTimer();
  UnlockTimer(const UnlockTimer&) = delete;
  UnlockTimer& operator=(const UnlockTimer&) = delete;
  UnlockTimer(UnlockTimer&&) = delete;
  UnlockTimer& operator=(UnlockTimer&&) = delete;

 private:
  UnlockTimer(vault::Slot& slot, platform::Descriptor timer, platform::Descriptor end);
  void set(const vault::Slot::Deadline& deadline);
  void run();

  vault::Slot& slot_;
  platform::Descriptor timer_, end_;
  std::thread thread_;
};

}  // namespace aivault::daemon
