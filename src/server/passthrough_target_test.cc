#include "server/passthrough_target.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aivault::server {
namespace {

// Cases 207, 211.
TEST(PassthroughTarget, IsAnAccountAndTheVendorsOwnTarget) {
  struct Case {
    const char *target, *account, *rest;
  };
  const std::vector<Case> good{
      {"/v/openai/v1/models?limit=1", "openai", "/v1/models?limit=1"},
      {"/v/acme%3Amain/x", "acme:main", "/x"},
      {"/v/a%252Fb/x", "a%2Fb", "/x"},
      {"/v/acme//x", "acme", "//x"},
  };
  for (const auto& [target, account, rest] : good) {
    const auto parsed = parse_passthrough(target);
    ASSERT_TRUE(parsed) << target;
    EXPECT_EQ(parsed->account, account);
    EXPECT_EQ(parsed->rest, rest);
  }
  const std::vector<std::string> bad{
      "/v", "/v/", "/v//x", "/v/openai", "/v/openai/", "/v/openai/?a=1", "/v/%20/x", "/v/%z/x"};
  for (const auto& target : bad) {
    const auto parsed = parse_passthrough(target);
    ASSERT_FALSE(parsed) << target;
    EXPECT_EQ(parsed.error().reason, "path_syntax") << target;
  }
}

TEST(PassthroughTarget, IsToldFromOtherPaths) {
  EXPECT_TRUE(is_passthrough("/v"));
  EXPECT_TRUE(is_passthrough("/v/"));
  EXPECT_FALSE(is_passthrough("/vault"));
  EXPECT_FALSE(is_passthrough("/aivault/v/x"));
}

}  // namespace
}  // namespace aivault::server
