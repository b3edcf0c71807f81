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

TEST_F(OAuthLogin, FillsInTheHostOfACustomer) {
  const auto body = [](const std::string& more) {
    return R"({"provider":"zendesk","clientId":"c","clientSecret":"s",)" + more + kLoopback + "}";
  };
  const auto found = plan(body(R"("host":"acme.zendesk.com",)"));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->auth_url, "https://acme.zendesk.com/oauth/authorizations/new");
  EXPECT_EQ(found->token_endpoint, "https://acme.zendesk.com/oauth/tokens");
  EXPECT_EQ(plan(body("")).error().message,
            "--host is required: the addresses of this login hold it");
  const auto foreign = plan(body(R"("host":"acme.example.com",)"));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().reason, "host_mismatch");
  EXPECT_EQ(foreign.error().message,
            "credential host is not allowed by registry provider host policy");
}

TEST_F(OAuthLogin, FillsInTheDirectoryThatTheSecretKeeps) {
  const auto body = [](const std::string& more) {
    return R"({"provider":"microsoft-graph","clientId":"c","clientSecret":"s",)" + more +
           kLoopback + "}";
  };
  const auto found = plan(body(R"("tenantId":"contoso.example",)"));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->token_endpoint,
            "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
  EXPECT_TRUE(found->auth_url.starts_with(
      "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize"));
  EXPECT_EQ(found->tenant_id, "contoso.example");
  EXPECT_EQ(plan(body("")).error().message,
            "--tenant-id is required: the addresses of this login hold it");
  EXPECT_EQ(plan(body(R"("tenantId":"a/b",)")).error().message,
            "--tenant-id holds letters, digits, '.' and '-' only");
}

TEST_F(OAuthLogin, TakesTheLifeOfTokensFromTheProvider) {
  const auto found =
      plan(std::string(R"({"provider":"salesforce","clientId":"c",)") +
           R"("clientSecret":"s","host":"acme.my.salesforce.com",)" + kLoopback + "}");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->default_ttl_s, 7200);
}

TEST_F(OAuthLogin, AsksForWhatItDoesNotKnow) {
  const auto unknown = plan(std::string(R"({"provider":"demo","name":"X","clientId":"c",)") +
                            R"("tokenEndpoint":"https://t.example.test/",)" + kLoopback + "}");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "--auth-url is required");
}

}  // namespace
}  // namespace aivault::admin
