#include "vault/rate_refusal.h"

#include <gtest/gtest.h>

namespace aivault::vault {
namespace {

TEST(RateRefusal, NamesTheKindOfWindowAndTheTimeToWait) {
  const auto one = rate_refusal("capability:a/b", 1);
  EXPECT_EQ(one.code, ErrorCode::policy_violation);
  EXPECT_EQ(one.reason, "rate_limit_exceeded");
  EXPECT_EQ(one.message, "capability rate limit exceeded; try again in 1 second");
  EXPECT_EQ(one.retry_after_s, 1);
  EXPECT_EQ(rate_refusal("agent:ci", 30).message,
            "agent rate limit exceeded; try again in 30 seconds");
}

TEST(RateRefusal, IsKnownByItsScope) {
  EXPECT_EQ(scope_of_refusal(rate_refusal("capability:a/b", 1)), "capability");
  EXPECT_EQ(scope_of_refusal(rate_refusal("agent:ci", 60)), "agent");
  EXPECT_EQ(scope_of_refusal(
                {ErrorCode::policy_violation, "concurrency_limit", "agent rate limit exceeded", 1}),
            "");
  EXPECT_EQ(scope_of_refusal({ErrorCode::policy_violation, "rate_limit_exceeded", "no", 1}), "");
}

}  // namespace
}  // namespace aivault::vault
