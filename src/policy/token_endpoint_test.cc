#include "policy/token_endpoint.h"

#include <gtest/gtest.h>

namespace aivault::policy {
namespace {

const TokenEndpointRules kRules = {{"login.acme.com", "auth.acme.com:8443"}};

// Cases 119 and 168.
TEST(TokenEndpoint, IsAllowedOnlyOnHostsOfTheCredential) {
  const struct {
    const char *url, *marker;
  } table[] = {
      {"https://login.acme.com/token", ""},
      {" HTTPS://login.acme.com:443/token ", ""},
      {"https://login.acme.com", ""},
      {"https://auth.acme.com:8443/token?api-version=1", ""},
      {"http://login.acme.com/token", "oauth2 tokenEndpoint must use https"},
      {"ftp://login.acme.com/token", "oauth2 tokenEndpoint must use https"},
      {"https://login.acme.com:8443/t", "oauth2 tokenEndpoint non-default port not allowed"},
      {"https://evil.com:8443/t", "oauth2 tokenEndpoint non-default port not allowed"},
      {"https://evil.com/t", "oauth2 tokenEndpoint host is not allowed by credential hosts"},
      {"https://login.acme.com.evil.com/t",
       "oauth2 tokenEndpoint host is not allowed by credential hosts"},
      {"https://login.acme.com@evil.com/t", "invalid oauth2 tokenEndpoint url"},
      {"https://login.acme.com/t#x", "invalid oauth2 tokenEndpoint url"},
      {"https://login.acme.com/../t", "invalid oauth2 tokenEndpoint url"},
      {"https://login.acme.com/{{tenantId}}/t", "invalid oauth2 tokenEndpoint url"},
      {"https:///t", "invalid oauth2 tokenEndpoint url"},
      {"login.acme.com/t", "invalid oauth2 tokenEndpoint url"},
      {"", "invalid oauth2 tokenEndpoint url"},
  };
  for (const auto& row : table) {
    const auto endpoint = check_token_endpoint(row.url, kRules);
    EXPECT_EQ(endpoint ? "" : endpoint.error().message, row.marker) << row.url;
    if (!endpoint) {
      EXPECT_EQ(endpoint.error().code, ErrorCode::policy_violation);
    }
  }
}

TEST(TokenEndpoint, StaysAwayFromPrivateAddresses) {
  const auto endpoint = check_token_endpoint("https://127.0.0.1/t", {{"127.0.0.1"}});
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().reason, "ssrf_blocked");
  EXPECT_TRUE(
      check_token_endpoint("https://127.0.0.1/t", {{"127.0.0.1"}, AddressPolicy::allow_private}));
}

TEST(TokenEndpoint, IsAskedWithItsQuery) {
  const auto endpoint = check_token_endpoint("https://login.acme.com/t?a=1", kRules);
  const auto planned = plan_token_request(*endpoint, {{"accept", "application/json"}}, 7);
  EXPECT_EQ(planned.method(), "POST");
  EXPECT_EQ(planned.path(), "/t");
  EXPECT_EQ(planned.query().size(), 1U);
  EXPECT_EQ(planned.body_size(), 7U);
}

}  // namespace
}  // namespace aivault::policy
