#include "catalog/minted_tokens.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace aivault::catalog {
namespace {

using std::chrono::hours;
const UnixMs kNow = from_int(1'000'000'000);

Token of(std::int64_t uid, const std::string& id) {
  Token token;
  token.id = id;
  token.uid = uid;
  token.created_at = kNow;
  token.expires_at = kNow + hours(1);
  return token;
}

TEST(MintedTokens, HoldsAtMostSixtyFourLiveOnesOfOneUser) {
  MintedTokens tokens;
  for (std::size_t i = 0; i < kMaxMintedOfUid; ++i) {
    const auto id = std::to_string(i);
    ASSERT_TRUE(tokens.add("hash " + id, of(7, id), kNow));
  }
  const auto refused = tokens.add("one more", of(7, "more"), kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "token_request");
  EXPECT_TRUE(tokens.add("of another", of(8, "other"), kNow));
  ASSERT_TRUE(tokens.revoke("0", 7, kNow));
  EXPECT_TRUE(tokens.add("one more", of(7, "more"), kNow));
  EXPECT_TRUE(tokens.add("later", of(7, "later"), kNow + hours(2))) << "the others have expired";
}

TEST(MintedTokens, ListsLiveOnesOfOneUserOrOfAll) {
  MintedTokens tokens;
  ASSERT_TRUE(tokens.add("a", of(7, "a"), kNow));
  ASSERT_TRUE(tokens.add("b", of(8, "b"), kNow));
  EXPECT_EQ(tokens.list(7, kNow).size(), 1U);
  EXPECT_EQ(tokens.list(std::nullopt, kNow).size(), 2U);
  EXPECT_TRUE(tokens.list(7, kNow + hours(1)).empty());
}

TEST(MintedTokens, RemembersForADayThatATokenWasRevoked) {
  MintedTokens tokens;
  ASSERT_TRUE(tokens.add("a", of(7, "a"), kNow));
  const auto before = tokens.revocations();
  ASSERT_TRUE(tokens.revoke("a", std::nullopt, kNow));
  EXPECT_GT(tokens.revocations(), before);
  EXPECT_FALSE(tokens.revoke("a", std::nullopt, kNow)) << "once is enough";
  ASSERT_NE(tokens.find("a"), nullptr);
  EXPECT_TRUE(tokens.find("a")->revoked_at);
  ASSERT_TRUE(tokens.add("b", of(7, "b"), kNow + hours(25)));
  EXPECT_EQ(tokens.find("a"), nullptr);
}

TEST(MintedTokens, EndsTheTokensOfAgentsThatAreGone) {
  MintedTokens tokens;
  auto of_agent = of(7, "a");
  of_agent.agent = "ci 7";
  ASSERT_TRUE(tokens.add("a", of_agent, kNow));
  ASSERT_TRUE(tokens.add("b", of(7, "b"), kNow));
  tokens.revoke_of({"ci 7"}, kNow);
  ASSERT_EQ(tokens.list(7, kNow).size(), 1U);
  EXPECT_EQ(tokens.list(7, kNow).front()->id, "b");
}

}  // namespace
}  // namespace aivault::catalog
