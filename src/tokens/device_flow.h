// DeviceFlow: when to ask again whether a person has said yes on another device, and when to
// give up.
// Thread: one object belongs to one thread; the clock is an argument. Source: RFC 8628 section 3.5.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace aivault::tokens {

class DeviceFlow {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kDefaultInterval{5};
  static constexpr std::chrono::seconds kMoreOnSlowDown{5};
  static constexpr std::chrono::seconds kLongestInterval{60};

  // `end`: of the window; nothing is asked afterwards. An interval is at least a second.
  DeviceFlow(std::chrono::seconds interval, Time now, Time end);

  Time next() const { return next_; }  // When to ask.
  Time end() const { return end_; }
  std::chrono::seconds interval() const { return interval_; }
  // The next question would come too late.
  bool is_over() const { return next_ >= end_; }

  // What the `error` of an answer means. failed: it is none of this flow.
  enum class Verdict : std::uint8_t { ask_again, denied, expired, failed };
  Verdict take(std::string_view error, Time now);
  // No answer that says anything: RFC 8628 wants fewer questions then.
  void take_silence(Time now);

 private:
  std::chrono::seconds interval_;
  Time next_;
  Time end_;
};

}  // namespace aivault::tokens
