#include "tokens/device_flow.h"

#include <algorithm>

namespace aivault::tokens {

DeviceFlow::DeviceFlow(std::chrono::seconds interval, Time now, Time end)
    : interval_(std::clamp(interval, std::chrono::seconds(1), kLongestInterval)),
      next_(now + interval_),
      end_(end) {}

DeviceFlow::Verdict DeviceFlow::take(std::string_view error, Time now) {
  if (error == "access_denied") return Verdict::denied;
  if (error == "expired_token") return Verdict::expired;
  if (error == "slow_down") {
    interval_ = std::min(interval_ + kMoreOnSlowDown, kLongestInterval);
  } else if (error != "authorization_pending") {
    return Verdict::failed;
  }
  next_ = now + interval_;
  return is_over() ? Verdict::expired : Verdict::ask_again;
}

void DeviceFlow::take_silence(Time now) {
  interval_ = std::min(interval_ * 2, kLongestInterval);
  next_ = now + interval_;
}

}  // namespace aivault::tokens
