// DailyCheck: looks at everything in the open vault once a day, beside the daemon's work, and says
// in the log what it found.
// Thread: one of its own, of the lowest priority. Errors: none; a check that could not be done is
// done the next time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "platform/log.h"
#include "vault/slot.h"

namespace aivault::daemon {

class DailyCheck {
 public:
  DailyCheck(vault::Slot& slot,
             platform::Log& log,
             std::chrono::milliseconds interval = std::chrono::hours(24));
  ~DailyCheck() { stop(); }
  DailyCheck(const DailyCheck&) = delete;
  DailyCheck& operator=(const DailyCheck&) = delete;
  DailyCheck(DailyCheck&&) = delete;
  DailyCheck& operator=(DailyCheck&&) = delete;

  void stop();  // Breaks off a check that is under way; before the slot is closed.

 private:
  void run();
  bool wait();
  void check(vault::Vault& vault);

  vault::Slot& slot_;
  platform::Log& log_;
  std::chrono::milliseconds interval_;
  std::atomic<bool> stopping_ = false;
  std::mutex guard_;
  std::condition_variable stopped_;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace aivault::daemon
