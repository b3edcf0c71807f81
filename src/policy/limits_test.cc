#include "policy/limits.h"

#include <gtest/gtest.h>

namespace aivault::policy {
namespace {

TEST(Strictest, SaysNothingWithoutPolicies) {
  const auto call = strictest("a/x", {});
  EXPECT_TRUE(call.rates.empty());
  EXPECT_FALSE(call.max_request_bytes || call.max_response_bytes || call.approval_ms);
  EXPECT_EQ(call.scrub, ScrubRule::automatic);
}

TEST(Strictest, TakesTheLowestLimitAndEveryRate) {
  Limits narrow, wide;
  narrow.rate_per_minute = 10;
  narrow.max_request_bytes = 100;
  narrow.blocklist = {"one"};
  wide.rate_per_minute = 5;
  wide.max_request_bytes = 50;
  wide.max_response_bytes = 7;
  wide.blocklist = {"two"};
  const Limited both[] = {{"a/narrow", &narrow}, {"a/wide", &wide}};
  const auto call = strictest("a/narrow", both);
  EXPECT_EQ(call.rates, (std::vector<Rate>{{"capability:a/narrow", 10}, {"capability:a/wide", 5}}));
  EXPECT_EQ(call.max_request_bytes, 50);
  EXPECT_EQ(call.max_response_bytes, 7);
  EXPECT_EQ(call.blocklist, (std::vector<std::string>{"one", "two"}));
}

TEST(Strictest, AsksForApprovalWhereOneDoesAndWaitsTheShortestTime) {
  Limits asks, asks_briefly, silent;
  asks.require_approval = asks_briefly.require_approval = true;
  asks_briefly.approval_timeout_ms = 1000;
  silent.approval_timeout_ms = 1;
  const Limited all[] = {{"a/asks", &asks}, {"a/briefly", &asks_briefly}, {"a/silent", &silent}};
  EXPECT_EQ(strictest("a/silent", all).approval_ms, 1000);
  EXPECT_EQ(strictest("a/asks", std::span(all).first(1)).approval_ms, kDefaultApprovalMs);
  EXPECT_FALSE(strictest("a/silent", std::span(all).last(1)).approval_ms);
}

TEST(Strictest, SwitchesScrubbingOffOnlyForTheCapabilityThatSaysSo) {
  Limits off, all, silent;
  off.scrub = ScrubRule::off;
  all.scrub = ScrubRule::all;
  const Limited with_off[] = {{"a/off", &off}, {"a/silent", &silent}};
  EXPECT_EQ(strictest("a/off", with_off).scrub, ScrubRule::off);
  EXPECT_EQ(strictest("a/silent", with_off).scrub, ScrubRule::automatic);
  EXPECT_EQ(strictest("a/other", with_off).scrub, ScrubRule::automatic);
  const Limited with_all[] = {{"a/off", &off}, {"a/all", &all}};
  EXPECT_EQ(strictest("a/off", with_all).scrub, ScrubRule::all);
}

}  // namespace
}  // namespace aivault::policy
