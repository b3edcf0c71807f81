#include "broker/closed_rates.h"

#include "vault/rate_refusal.h"

namespace aivault::broker {

Result<void> ClosedRates::check(std::span<const policy::Rate> rates, Clock::time_point now) const {
  for (const auto& rate : rates) {
    const auto found = closed_until_.find(rate.window);
    if (found == closed_until_.end() || found->second <= now) continue;
    const auto left = std::chrono::ceil<std::chrono::seconds>(found->second - now).count();
    return fail(vault::rate_refusal(rate.window, static_cast<int>(left)));
  }
  return {};
}

void ClosedRates::note(std::span<const policy::Rate> rates,
                       const Error& refusal,
                       Clock::time_point now) {
  if (rates.size() != 1 || refusal.retry_after_s <= 1) return;
  // A second early: the vault knows better when exactly.
  const auto until = now + std::chrono::seconds(refusal.retry_after_s - 1);
  closed_until_[rates.front().window] = until;
}

}  // namespace aivault::broker
