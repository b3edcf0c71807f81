#include "policy/caller_headers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

namespace aivault::policy {
namespace {

CredentialPolicy with_auth(registry::AuthSpec auth) {
  CredentialPolicy credential;
  credential.auth = std::move(auth);
  return credential;
}

Result<http::Headers> kept(const http::Headers& headers,
                           const CredentialPolicy& credential = with_auth(registry::HeaderAuth{}),
                           RangePolicy range = RangePolicy::drop) {
  return keep_caller_headers(headers, credential, range);
}

std::string reason(const http::Headers& headers,
                   const CredentialPolicy& credential = with_auth(registry::HeaderAuth{})) {
  const auto result = kept(headers, credential);
  return result ? "ok" : result.error().reason;
}

// Cases 128, 130.
TEST(CallerHeaders, RefusesCredentialsWhateverTheCredentialInjects) {
  for (const std::string_view name : {"Authorization",
                                      "AUTHORIZATION",
                                      " authorization ",
                                      "Proxy-Authorization",
                                      "plaid-secret",
                                      "cookie",
                                      "cookie2",
                                      "x-api-key",
                                      "api-key",
                                      "apikey",
                                      "x-apikey",
                                      "x-auth",
                                      "x-auth-key",
                                      "x-auth-token",
                                      "x-access-token",
                                      "x-authorization",
                                      "x-csrf-token",
                                      "x-xsrf-token",
                                      "x-amz-date",
                                      "x-amz-security-token",
                                      "x-amz-content-sha256",
                                      "x-goog-api-key",
                                      "xi-api-key",
                                      "private-token",
                                      "job-token",
                                      "X_Api_Key",
                                      "x_amz-date"}) {
    const auto result = kept({{std::string(name), "x"}});
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().reason, "auth_header_rejected") << name;
    EXPECT_TRUE(result.error().message.starts_with("caller-supplied auth headers are not allowed"));
  }
}

// Case 129.
TEST(CallerHeaders, RefusesWhatTheChosenCredentialInjects) {
  const auto custom = with_auth(registry::HeaderAuth{"x-thing-key", "{{secret}}"});
  EXPECT_EQ(reason({{"X-Thing-Key", "1"}}, custom), "auth_header_rejected");
  EXPECT_EQ(reason({{"X_Thing_Key", "1"}}, custom), "auth_header_rejected");
  EXPECT_EQ(reason({{"X-Thing-Key", "1"}}), "ok");
  auto listed = custom;
  listed.request_headers = {"x-thing-key", "authorization"};
  EXPECT_EQ(reason({{"X-Thing-Key", "1"}}, listed), "auth_header_rejected");
  EXPECT_EQ(reason({{"authorization", "1"}}, listed), "auth_header_rejected");
}

TEST(CallerHeaders, RefusesWhatAnotherKindOfTheProviderInjects) {
  auto credential = with_auth(registry::HeaderAuth{});
  EXPECT_EQ(reason({{"X-Thing-Key", "1"}}, credential), "ok");
  credential.provider =
      std::make_shared<const ProviderRules>(ProviderRules{{}, {}, {"x-thing-key"}});
  EXPECT_EQ(reason({{"X_Thing-Key", "1"}}, credential), "auth_header_rejected");
}

TEST(CallerHeaders, RefusesOverridesOfMethodUrlAndHost) {
  auto credential = with_auth(registry::HeaderAuth{});
  credential.request_headers = {"x-original-url"};
  for (const std::string_view name : {"X-HTTP-Method-Override",
                                      "x-http-method",
                                      "x-method-override",
                                      "x-original-url",
                                      "x-rewrite-url",
                                      "x-original-uri",
                                      "x-forwarded-uri",
                                      "x_http_method_override"}) {
    EXPECT_EQ(reason({{std::string(name), "/admin"}}, credential), "auth_header_rejected") << name;
  }
}

TEST(CallerHeaders, RefusesAccountSelectorsUnlessTheProviderListsThem) {
  auto credential = with_auth(registry::HeaderAuth{});
  for (const std::string_view name : {"openai-organization", "Stripe-Account", "x-amz-target"}) {
    EXPECT_EQ(reason({{std::string(name), "x"}}, credential), "auth_header_rejected") << name;
  }
  credential.request_headers = {"openai-organization", "stripe-account", "x-amz-target"};
  for (const std::string_view name : {"openai-organization", "Stripe-Account", "x-amz-target"}) {
    EXPECT_EQ(reason({{std::string(name), "x"}}, credential), "ok") << name;
  }
  EXPECT_EQ(reason({{"x-amz-date", "x"}}, credential), "auth_header_rejected");
}

// Cases 120, 131, 132.
TEST(CallerHeaders, DropsFramingForwardingAndBrokerNames) {
  const auto result = kept({{"Host", "evil.com"},
                            {"connection", "x-foo, X-Bar"},
                            {"keep-alive", "1"},
                            {"proxy-connection", "1"},
                            {"proxy-authenticate", "1"},
                            {"te", "trailers"},
                            {"TE", "gzip"},
                            {"trailer", "x"},
                            {"transfer-encoding", "chunked"},
                            {"upgrade", "h2c"},
                            {"content-length", "5"},
                            {"Content_Length", "6"},
                            {"expect", "100-continue"},
                            {"forwarded", "for=1"},
                            {"via", "1.1 x"},
                            {"x-real-ip", "1.2.3.4"},
                            {"http2-settings", "x"},
                            {"sec-websocket-key", "x"},
                            {"x-forwarded-for", "1.2.3.4"},
                            {"x-aivault-token", "x"},
                            {"x-foo", "1"},
                            {"x-bar", "1"},
                            {"  ", "nameless"},
                            {"accept-encoding", "gzip"},
                            {"range", "bytes=0-1"},
                            {"if-range", "x"},
                            {"X-Ok", " a,b "}});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, (http::Headers{{"x-ok", " a,b "}, {"accept-encoding", "gzip"}}));
}

TEST(CallerHeaders, KeepsRangeWhereTheCapabilityAllowsIt) {
  const auto credential = with_auth(registry::HeaderAuth{});
  const http::Headers headers = {{"range", "bytes=0-1"}, {"if-range", "x"}};
  EXPECT_EQ(*kept(headers, credential, RangePolicy::keep), headers);
}

TEST(CallerHeaders, AsksForTheCodingsThatTheCallerWantsAndThatCanBeUndone) {
  struct Row {
    std::string_view wish, asked;
  };
  for (const auto& row : std::vector<Row>{{"gzip, deflate, br, zstd", "gzip, deflate, br, zstd"},
                                          {"BR;q=0.5 , x-foo", "br"},
                                          {"gzip;q=0, br;q=0.0", ""},
                                          {"gzip;q=0.001", "gzip"},
                                          {"*", "gzip, deflate, br, zstd"},
                                          {"identity", ""},
                                          {"compress", ""},
                                          {"", ""}}) {
    const auto result = kept({{"accept-encoding", std::string(row.wish)}});
    const auto* asked = http::find(*result, "accept-encoding");
    EXPECT_EQ(asked == nullptr ? "" : *asked, row.asked) << row.wish;
  }
  // A part of a coded body cannot be decoded.
  const auto part = kept({{"accept-encoding", "gzip"}, {"range", "bytes=5-"}},
                         with_auth(registry::HeaderAuth{}),
                         RangePolicy::keep);
  EXPECT_EQ(*part, (http::Headers{{"range", "bytes=5-"}}));
}

// Case 132.
TEST(CallerHeaders, RefusesRepeats) {
  const auto result = kept({{"x-a", "1"}, {"X-A", "1"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, "duplicate_header");
  EXPECT_TRUE(result.error().message.starts_with("duplicate headers are not allowed"));
  EXPECT_EQ(reason({{"x-a", "1"}, {"x_a", "1"}}), "duplicate_header");
  EXPECT_EQ(reason({{"accept-encoding", "gzip"}, {"accept-encoding", "br"}}), "duplicate_header");
}

// Case 134.
TEST(CallerHeaders, RefusesNamesAndValuesOutsideTheGrammar) {
  using namespace std::string_literals;
  struct Row {
    std::string name, value, marker;
  };
  for (const auto& row : std::vector<Row>{{"x a", "1", "invalid header name"},
                                          {"x:a", "1", "invalid header name"},
                                          {"authorization\xC2\xA0", "1", "invalid header name"},
                                          {"x\0a"s, "1", "invalid header name"},
                                          {"x-a", "1\r\nx-b: 2", "invalid header value"},
                                          {"x-a", "1\n", "invalid header value"},
                                          {"x-a", "\0"s, "invalid header value"},
                                          {"x-a", "caf\xC3\xA9", "invalid header value"},
                                          {"x-a", "\xE5\x98\x8A", "invalid header value"},
                                          {"host", "\r", "invalid header value"}}) {
    const auto result = kept({{row.name, row.value}});
    ASSERT_FALSE(result) << row.name;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_request);
    EXPECT_EQ(result.error().reason, "header_syntax");
    EXPECT_TRUE(result.error().message.starts_with(row.marker)) << result.error().message;
  }
}

}  // namespace
}  // namespace aivault::policy
