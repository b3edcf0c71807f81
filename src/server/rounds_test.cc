#include "server/rounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::int64_t kFlooding = 1001, kCalm = 1002;

struct Begun {
  std::int64_t uid;
  int number;
  bool operator==(const Begun&) const = default;
};

class RoundsTest : public ::testing::Test {
 protected:
  asio::awaitable<void> ask(Begun request) {
    co_await rounds_.turn(request.uid);
    begun_.push_back(request);
  }
  void spawn(Begun request) { asio::co_spawn(loop_, ask(request), asio::detached); }

  asio::io_context loop_;
  Rounds rounds_{loop_.get_executor()};
  std::vector<Begun> begun_;
};

TEST_F(RoundsTest, PutsALoneRequestBeforeThoseOfAFlood) {
  constexpr int kMany = 500;
  constexpr std::ptrdiff_t kFew = 20;
  for (int i = 0; i < kMany; ++i) spawn({kFlooding, i});
  spawn({kCalm, 0});
  loop_.run();
  ASSERT_EQ(begun_.size(), kMany + 1U);
  EXPECT_LT(std::ranges::find(begun_, Begun{kCalm, 0}) - begun_.begin(), kFew);
}

TEST_F(RoundsTest, BeginsTheRequestsOfOneUidInTheirOrder) {
  constexpr int kMany = 100;
  std::vector<Begun> asked;
  for (int i = 0; i < kMany; ++i) asked.push_back({kFlooding, i});
  for (const auto& each : asked) spawn(each);
  loop_.run();
  EXPECT_EQ(begun_, asked);
}

TEST_F(RoundsTest, ForgetsWhoLeavesWhileItWaits) {
  asio::cancellation_signal leave;
  constexpr int kMany = 12, kLeaving = 8;
  for (int i = 0; i < kMany; ++i) {
    if (i != kLeaving) {
      spawn({kFlooding, i});
      continue;
    }
    asio::co_spawn(loop_,
                   ask({kFlooding, i}),
                   asio::bind_cancellation_slot(leave.slot(), [](const std::exception_ptr&) {}));
  }
  // After all of them have asked, before the next round.
  asio::post(loop_, [&] { leave.emit(asio::cancellation_type::terminal); });
  loop_.run();
  EXPECT_EQ(begun_.size(), kMany - 1U);
  EXPECT_EQ(std::ranges::find(begun_, Begun{kFlooding, kLeaving}), begun_.end());
}

}  // namespace
}  // namespace aivault::server
