#include "tokens/when.h"

#include <gtest/gtest.h>

namespace aivault::tokens {
namespace {

// Seconds; the lifetime is unknown if negative.
Step of(int left, int lifetime) {
  const auto now = from_int(1'700'000'000'000);
  Life life;
  life.expires = now + std::chrono::seconds(left);
  if (lifetime >= 0) life.obtained = *life.expires - std::chrono::seconds(lifetime);
  return when(true, life, now);
}

TEST(When, FollowsTheTimeThatIsLeft) {
  const struct {
    int left, lifetime;
    Step expected;
  } table[] = {
      {301, 3600, Step::use},
      {300, 3600, Step::renew_or_use},
      {120, 3600, Step::renew_or_use},
      {11, 3600, Step::renew_or_use},
      {10, 3600, Step::obtain},
      {0, 3600, Step::obtain},
      {-5, 3600, Step::obtain},
      {16, 60, Step::use},
      {15, 60, Step::renew_or_use},
      {9, 20, Step::use},
      {5, 20, Step::obtain},
      {301, -1, Step::use},
      {299, -1, Step::renew_or_use},
      {200, 0, Step::renew_or_use},
  };
  for (const auto& row : table) {
    EXPECT_EQ(of(row.left, row.lifetime), row.expected) << row.left << " of " << row.lifetime;
  }
}

TEST(When, ObtainsWithoutATokenOrWithoutAnExpiry) {
  const auto now = from_int(1'700'000'000'000);
  EXPECT_EQ(when(false, {now, now + std::chrono::hours(1)}, now), Step::obtain);
  EXPECT_EQ(when(true, {}, now), Step::obtain);
}

}  // namespace
}  // namespace aivault::tokens
