// OwnTime: how long the daemon itself has worked on a call: without the times in which it waited
// for the caller, the operator or an upstream. Thread: one at a time.
#pragma once

#include <chrono>

namespace aivault::broker {

class OwnTime {
 public:
  using Clock = std::chrono::steady_clock;

  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - began_ - away_).count();
  }

  // What happens while this lives is not the daemon's.
  class Away {
   public:
    explicit Away(OwnTime& time) : time_(time) {}
    ~Away() { time_.away_ += Clock::now() - began_; }
    Away(const Away&) = delete;
    Away& operator=(const Away&) = delete;
    Away(Away&&) = delete;
    Away& operator=(Away&&) = delete;

   private:
    OwnTime& time_;
    Clock::time_point began_ = Clock::now();
  };

 private:
  Clock::time_point began_ = Clock::now();
  Clock::duration away_{0};
};

}  // namespace aivault::broker
