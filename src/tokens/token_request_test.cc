#include "tokens/token_request.h"

#include <gtest/gtest.h>

#include "base/reveal.h"

namespace aivault::tokens {
namespace {

using registry::ClientAuth;
using registry::RequestFormat;

const std::vector<FormField> kFields = {
    {"grant_type", "refresh_token"}, {"refresh_token", "r+/="}, {"scope", "a b"}};

std::string body_of(const TokenRequest& request) {
  return std::string(request.body.text(Reveal()));
}
std::string authorization_of(const TokenRequest& request) {
  return std::string(request.authorization.text(Reveal()));
}

// Case 161.
TEST(TokenRequest, SendsTheSecretInBasicByDefault) {
  const auto request = make_token_request({"cid", "sec", ClientAuth::automatic}, kFields);
  ASSERT_TRUE(request);
  EXPECT_EQ(body_of(*request),
            "client_id=cid&grant_type=refresh_token&refresh_token=r%2B%2F%3D&scope=a+b");
  EXPECT_EQ(authorization_of(*request), "Basic Y2lkOnNlYw==");
  EXPECT_EQ(request->content_type, "application/x-www-form-urlencoded");
}

// Case 162.
TEST(TokenRequest, SendsNoAuthorizationForAPublicClient) {
  const auto request = make_token_request({"cid", std::nullopt, ClientAuth::automatic}, kFields);
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->authorization.empty());
  EXPECT_TRUE(body_of(*request).starts_with("client_id=cid&grant_type="));
}

TEST(TokenRequest, PutsTheSecretIntoTheBodyWhereAskedTo) {
  const auto request = make_token_request({"cid", "s&c", ClientAuth::body}, kFields);
  EXPECT_TRUE(body_of(*request).starts_with("client_id=cid&client_secret=s%26c&grant_type="));
  EXPECT_TRUE(request->authorization.empty());
}

TEST(TokenRequest, KeepsTheSecretToItselfWhereAskedTo) {
  const auto request = make_token_request({"cid", "sec", ClientAuth::none}, kFields);
  EXPECT_EQ(body_of(*request).find("sec"), std::string::npos);
  EXPECT_TRUE(request->authorization.empty());
}

TEST(TokenRequest, NeedsASecretForBasic) {
  const auto request = make_token_request({"cid", std::nullopt, ClientAuth::basic}, kFields);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().reason, "setup_incomplete");
}

TEST(TokenRequest, WritesTheSameAsJson) {
  const auto request =
      make_token_request({"c\"d", "sec", ClientAuth::automatic}, kFields, RequestFormat::json);
  EXPECT_EQ(
      body_of(*request),
      R"({"client_id":"c\"d","grant_type":"refresh_token","refresh_token":"r+/=","scope":"a b"})");
  EXPECT_EQ(request->content_type, "application/json");
}

TEST(TokenRequest, LeavesAnEmptyClientIdOut) {
  const auto request = make_token_request({}, kFields);
  EXPECT_TRUE(body_of(*request).starts_with("grant_type="));
}

}  // namespace
}  // namespace aivault::tokens
