#include "server/memory_budget.h"

namespace aivault::server {

Result<void> MemoryBudget::Share::hold(std::size_t bytes) {
  if (bytes <= held_) {
    shrink_to(bytes);
    return {};
  }
  const auto more = bytes - held_;
  const auto reserve = is_operator_ ? 0 : budget_.limits_.operator_reserve;
  const auto mine = budget_.of_uid_.find(uid_);
  const auto mine_now = mine == budget_.of_uid_.end() ? 0 : mine->second;
  if (budget_.held_ + more > budget_.limits_.total - reserve ||
      mine_now + more > budget_.limits_.of_uid) {
    if (budget_.metrics_ != nullptr) {
      budget_.metrics_->add(metrics::Name::rate_limited, {"memory"});
    }
    return fail(
        Error{ErrorCode::policy_violation, "concurrency_limit", "memory budget exhausted", 1});
  }
  budget_.of_uid_[uid_] = mine_now + more;
  budget_.held_ += more;
  held_ = bytes;
  return {};
}

void MemoryBudget::Share::shrink_to(std::size_t bytes) {
  if (bytes == held_) return;
  const auto less = held_ - bytes;
  const auto mine = budget_.of_uid_.find(uid_);
  mine->second -= less;
  if (mine->second == 0) budget_.of_uid_.erase(mine);
  budget_.held_ -= less;
  held_ = bytes;
}

}  // namespace aivault::server
