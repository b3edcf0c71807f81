#include "server/memory_budget.h"

#include <gtest/gtest.h>

namespace aivault::server {
namespace {

TEST(MemoryBudget, LimitsOneUidAndKeepsAPartForTheOperator) {
  MemoryBudget budget({.total = 100, .of_uid = 50, .operator_reserve = 10});
  MemoryBudget::Share first(budget, 7, false);
  EXPECT_TRUE(first.hold(30));
  {
    MemoryBudget::Share second(budget, 7, false);
    EXPECT_TRUE(second.hold(20));
    const auto refused = second.hold(21);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::policy_violation);
    EXPECT_EQ(refused.error().reason, "concurrency_limit");
    EXPECT_EQ(refused.error().message, "memory budget exhausted");
    EXPECT_EQ(budget.held(), 50U);

    MemoryBudget::Share other(budget, 8, false);
    EXPECT_FALSE(other.hold(41));
    EXPECT_TRUE(other.hold(40));
    MemoryBudget::Share owner(budget, 0, true);
    EXPECT_TRUE(owner.hold(10));
    EXPECT_FALSE(owner.hold(11));
  }
  EXPECT_EQ(budget.held(), 30U);
  EXPECT_TRUE(first.hold(50));
  EXPECT_TRUE(first.hold(5));
  EXPECT_EQ(budget.held(), 5U);
}

TEST(MemoryBudget, CountsWhatItRefuses) {
  metrics::Metrics counted;
  MemoryBudget budget({.total = 100, .of_uid = 50, .operator_reserve = 10}, &counted);
  MemoryBudget::Share share(budget, 7, false);
  EXPECT_TRUE(share.hold(50));
  EXPECT_EQ(counted.text(), "");
  EXPECT_FALSE(share.hold(51));
  EXPECT_NE(counted.text().find("aivault_rate_limited_total{scope=\"memory\"} 1\n"),
            std::string::npos);
}

}  // namespace
}  // namespace aivault::server
