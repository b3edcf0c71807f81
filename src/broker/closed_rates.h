// ClosedRates: rate windows that are known to be full, so that further calls are refused without
// asking the vault.
// Thread: the event loop.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "base/result.h"
#include "policy/limits.h"

namespace aivault::broker {

class ClosedRates {
 public:
  using Clock = std::chrono::steady_clock;
  // rate_limit_exceeded with the seconds that are left.
  Result<void> check(std::span<const policy::Rate> rates, Clock::time_point now) const;
  // One of these had no room; which one is not told, so only a single one can be noted.
  void note(std::span<const policy::Rate> rates, const Error& refusal, Clock::time_point now);

 private:
  std::map<std::string, Clock::time_point, std::less<>> closed_until_;  // By capability.
};

}  // namespace aivault::broker
