#include "admin/oauth_login.h"

#include <gtest/gtest.h>

#include <string>

#include "admin/body.h"
#include "admin/desk_fixture.h"
#include "json/parse.h"

namespace aivault::admin {
namespace {

class OAuthLogin : public DeskFixture {
 protected:
  Result<tokens::LoginPlan> plan(const std::string& body) {
    auto parsed = json::parse(body);
    EXPECT_TRUE(parsed) << body;
    Request request;
    request.actor = actor_;
    request.body = &*parsed;
    return plan_login(desk_, request);
  }
};

constexpr const char* kLoopback = R"("redirectUri":"http://127.0.0.1:4711/callback","flow":"pkce")";

TEST_F(OAuthLogin, KnowsThePlacesOfAKnownProvider) {
  const auto by_default = plan(
      std::string(R"({"provider":"asana","clientId":"c","clientSecret":"s",)") + kLoopback + "}");
  ASSERT_TRUE(by_default) << by_default.error().message;
  EXPECT_EQ(by_default->auth_url, "https://app.asana.com/-/oauth_authorize");
  EXPECT_TRUE(by_default->token_endpoint.starts_with("https://app.asana.com/"));
}

TEST_F(OAuthLogin, LetsFlagsWin) {
  const auto found = plan(std::string(R"({"provider":"asana","clientId":"c","clientSecret":"s",)") +
                          R"("authUrl":"https://login.example.test/a",)" + kLoopback + "}");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->auth_url, "https://login.example.test/a");
}

TEST_F(OAuthLogin, AsksForWhatItDoesNotKnow) {
  const auto unknown = plan(std::string(R"({"provider":"demo","name":"X","clientId":"c",)") +
                            R"("tokenEndpoint":"https://t.example.test/",)" + kLoopback + "}");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "--auth-url is required");
}

}  // namespace
}  // namespace aivault::admin
