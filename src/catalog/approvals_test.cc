#include "catalog/approvals.h"

#include <gtest/gtest.h>

namespace aivault::catalog {
namespace {

using namespace std::chrono_literals;
using State = Approvals::State;

constexpr UnixMs kNow{std::chrono::milliseconds(1'000'000)};

Result<void> ask(Approvals& approvals,
                 const std::string& id,
                 std::int64_t uid,
                 State* got = nullptr) {
  Approvals::Asked asked;
  asked.uid = uid;
  asked.body = "bytes";
  return approvals.ask(id, std::move(asked), kNow, 5min, [got](State state) {
    if (got != nullptr) *got = state;
  });
}

TEST(Approvals, ServesTheCallThatAskedOnce) {
  Approvals approvals;
  auto got = State::pending;
  ASSERT_TRUE(ask(approvals, "one", 7, &got));
  EXPECT_EQ(approvals.find_pending("one")->asked.body, "bytes");
  ASSERT_TRUE(approvals.decide("one", State::approved, "", kNow));
  EXPECT_EQ(got, State::approved);
  EXPECT_FALSE(approvals.decide("one", State::approved, "", kNow));
  EXPECT_FALSE(approvals.decide("on", State::denied, "", kNow));
  EXPECT_EQ(approvals.end("one", State::expired, kNow), State::approved);
}

TEST(Approvals, EndsWithTheCall) {
  Approvals approvals;
  ASSERT_TRUE(ask(approvals, "one", 7));
  EXPECT_EQ(approvals.end("one", State::cancelled, kNow), State::cancelled);
  const auto late = approvals.decide("one", State::approved, "", kNow);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message, "approval 'one' is not pending");
  EXPECT_TRUE(approvals.list(Approvals::Which::pending, kNow).empty());
  EXPECT_EQ(approvals.list(Approvals::Which::all, kNow).size(), 1U);
  EXPECT_TRUE(approvals.list(Approvals::Which::all, kNow + 25h).empty());
}

// Case 192.
TEST(Approvals, HoldsEightOfOneCallerAndSixtyFourInAll) {
  Approvals approvals;
  for (int uid = 0; uid < 8; ++uid) {
    for (int i = 0; i < 8; ++i) {
      ASSERT_TRUE(ask(approvals, std::to_string(uid) + ":" + std::to_string(i), uid));
      if (uid > 0 || i < 7) continue;
      const auto ninth = ask(approvals, "ninth", uid);
      ASSERT_FALSE(ninth);
      EXPECT_EQ(ninth.error().reason, "approval_queue_full");
    }
  }
  EXPECT_FALSE(ask(approvals, "more", 99));
  approvals.end("0:0", State::expired, kNow);
  EXPECT_TRUE(ask(approvals, "more", 99));
}

}  // namespace
}  // namespace aivault::catalog
