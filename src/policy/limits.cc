#include "policy/limits.h"

#include <algorithm>

namespace aivault::policy {
namespace {

void lower(std::optional<std::int64_t>& limit, const std::optional<std::int64_t>& other) {
  if (other) limit = limit ? std::min(*limit, *other) : *other;
}

}  // namespace

CallLimits strictest(std::string_view named, std::span<const Limited> apply) {
  CallLimits call;
  const auto own = std::ranges::find(apply, named, &Limited::capability);
  if (own != apply.end()) call.scrub = own->limits->scrub.value_or(ScrubRule::automatic);
  for (const auto& [capability, limits] : apply) {
    if (limits->rate_per_minute) {
      call.rates.push_back({"capability:" + std::string(capability), *limits->rate_per_minute});
    }
    lower(call.max_request_bytes, limits->max_request_bytes);
    lower(call.max_response_bytes, limits->max_response_bytes);
    call.blocklist.insert(call.blocklist.end(), limits->blocklist.begin(), limits->blocklist.end());
    if (limits->scrub) call.scrub = std::max(call.scrub, *limits->scrub);
    if (limits->require_approval) {
      lower(call.approval_ms, limits->approval_timeout_ms.value_or(kDefaultApprovalMs));
    }
  }
  return call;
}

}  // namespace aivault::policy
