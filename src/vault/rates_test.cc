#include "vault/rates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <random>

#include "testing/vault_place.h"

namespace aivault::vault {
namespace {

using aivault::testing::event_of;
using aivault::testing::VaultPlace;

UnixMs at_ms(std::int64_t ms) { return from_int(ms); }

TEST(WaitForRoom, CountsABucketUntilAllOfItIsMoreThanAMinuteOld) {
  const RateBucket taken[] = {{100, 1}};
  EXPECT_EQ(wait_for_room(taken, 1, at_ms(100'000)), 60);
  EXPECT_EQ(wait_for_room(taken, 1, at_ms(130'500)), 31);
  EXPECT_EQ(wait_for_room(taken, 1, at_ms(160'999)), 1);
  EXPECT_EQ(wait_for_room(taken, 1, at_ms(161'000)), std::nullopt);
  EXPECT_EQ(wait_for_room(taken, 2, at_ms(100'000)), std::nullopt);
}

TEST(WaitForRoom, WaitsForAsManyBucketsAsALoweredLimitNeeds) {
  const RateBucket taken[] = {{100, 5}, {110, 5}, {120, 5}};
  EXPECT_EQ(wait_for_room(taken, 10, at_ms(125'000)), 46);
  EXPECT_EQ(wait_for_room(taken, 5, at_ms(125'000)), 56);
}

TEST(WaitForRoom, AlwaysRefusesForALimitOfNone) { EXPECT_EQ(wait_for_room({}, 0, at_ms(1)), 60); }

// Case 183.
TEST(WaitForRoom, NeverAcceptsMoreThanTheLimitInAnyMinute) {
  constexpr std::int64_t kLimit = 10;
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same calls every time
  std::uniform_int_distribution<std::int64_t> pause(0, 4000);
  std::vector<RateBucket> buckets;
  std::vector<std::int64_t> accepted;
  for (std::int64_t ms = 1'000'000; ms < 1'600'000; ms += pause(random)) {
    if (wait_for_room(buckets, kLimit, at_ms(ms))) continue;
    accepted.push_back(ms);
    if (buckets.empty() || buckets.back().second != ms / 1000) buckets.push_back({ms / 1000, 0});
    ++buckets.back().used;
  }
  ASSERT_GT(accepted.size(), 80U);
  for (std::size_t i = 0; i + kLimit < accepted.size(); ++i) {
    EXPECT_GE(accepted[i + kLimit] - accepted[i], 60'000) << i;
  }
}

Result<void> start(Vault& vault, std::vector<RateUnit> units) {
  auto event = event_of("capability.invoke");
  event.outcome = "started";
  std::promise<Result<void>> done;
  auto result = done.get_future();
  vault.record_limited(
      std::move(event), std::move(units), [&](Result<void> r) { done.set_value(std::move(r)); });
  return result.get();
}

std::size_t starts_in(Vault& vault) {
  vault.flush();
  const auto rows = read(vault, [](Reader& reader) { return reader.audit({}); });
  if (!rows) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(
      *rows, [](const audit::Record& row) { return row.event.kind == "capability.invoke"; }));
}

// Case 181.
TEST(RecordLimited, RefusesBeyondTheLimitAlsoFromAnotherProcessAndAfterAReopening) {
  const VaultPlace place;
  const std::vector<RateUnit> one = {{"capability:a/b", 1}};
  {
    const auto vault = place.open();
    const auto second = place.open();
    ASSERT_TRUE(start(*vault, one));
    for (auto* door : {vault.get(), second.get()}) {
      const auto refused = start(*door, one);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().reason, "rate_limit_exceeded");
      EXPECT_NE(refused.error().message.find("capability rate limit exceeded"), std::string::npos);
      EXPECT_GE(refused.error().retry_after_s, 1);
      EXPECT_LE(refused.error().retry_after_s, 60);
    }
    EXPECT_EQ(starts_in(*vault), 1U);
  }
  const auto vault = place.open();
  EXPECT_FALSE(start(*vault, one));
  EXPECT_FALSE(start(*vault, {{"capability:a/never", 0}}));
  EXPECT_TRUE(start(*vault, {{"capability:a/c", 1}}));
}

TEST(RecordLimited, TakesAUnitInEveryWindowOrInNone) {
  const VaultPlace place;
  const auto vault = place.open();
  ASSERT_TRUE(start(*vault, {{"capability:a/full", 1}}));
  EXPECT_FALSE(start(*vault, {{"capability:a/free", 1}, {"capability:a/full", 1}}));
  EXPECT_TRUE(start(*vault, {{"capability:a/free", 1}}));
}

TEST(RecordLimited, CountsCallsThatAreNotRecorded) {
  const VaultPlace place;
  auto options = place.options();
  options.call_records = CallRecords::disabled;
  const auto vault = Vault::open_or_create(options);
  ASSERT_TRUE(vault) << vault.error().message;
  const std::vector<RateUnit> one = {{"capability:a/b", 1}};
  EXPECT_TRUE(start(**vault, one));
  EXPECT_FALSE(start(**vault, one));
  EXPECT_EQ(starts_in(**vault), 0U);
}

}  // namespace
}  // namespace aivault::vault
