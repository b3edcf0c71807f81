#include "policy/plan.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace aivault::policy {
namespace {

PlannedRequest planned(CallRequest call, CredentialPolicy credential) {
  static constexpr std::array<registry::TextView, 3> kMethods{"GET", "HEAD", "POST"};
  static constexpr std::array<registry::TextView, 1> kPaths{"/"};
  static constexpr std::array kAllow{registry::Rule{kMethods, kPaths}};
  static constexpr std::array<registry::TextView, 1> kHosts{"api.test"};
  registry::Capability capability;
  capability.provider = "custom";
  capability.form = registry::PathForm::prefix;
  capability.hosts = kHosts;
  capability.allow = kAllow;
  credential.hosts = {"api.test"};
  auto approved = decide(capability, credential, std::move(call));
  EXPECT_TRUE(approved) << approved.error().message;
  return plan(*std::move(approved), PlanOptions{"1.2.3"});
}

CallRequest get(std::string path) {
  CallRequest call;
  call.method = "GET";
  call.path = std::move(path);
  return call;
}

// Case 139.
TEST(Plan, OrdersHeadersCallerDefaultsAcceptAgent) {
  auto call = get("/v1");
  call.headers = {{"X-B", "2"}, {"x-a", "1"}};
  CredentialPolicy credential;
  credential.default_headers = {{"anthropic-version", "2023-06-01"}};
  EXPECT_EQ(planned(call, credential).headers(),
            (http::Headers{{"x-b", "2"},
                           {"x-a", "1"},
                           {"anthropic-version", "2023-06-01"},
                           {"accept", "*/*"},
                           {"user-agent", "aivault/1.2.3"},
                           {"accept-encoding", "identity"}}));
}

// Case 140.
TEST(Plan, DefaultsGiveWayOrNotAsTheyAreDeclared) {
  auto call = get("/v1");
  call.headers = {{"anthropic-version", "mine"},
                  {"x-fixed", "mine"},
                  {"user-agent", "sdk/1"},
                  {"accept", "text/event-stream"},
                  {"accept-encoding", "gzip"}};
  CredentialPolicy credential;
  credential.default_headers = {
      {"anthropic-version", "2023-06-01"}, {"x-fixed", "ours", false}, {"accept-encoding", "br"}};
  EXPECT_EQ(planned(call, credential).headers(),
            (http::Headers{{"anthropic-version", "mine"},
                           {"user-agent", "sdk/1"},
                           {"accept", "text/event-stream"},
                           {"accept-encoding", "gzip"},
                           {"x-fixed", "ours"}}));
}

TEST(Plan, PutsTheUpstreamPrefixBeforeThePath) {
  CredentialPolicy credential;
  EXPECT_EQ(planned(get("/v1/write"), credential).path(), "/v1/write");
  credential.path_prefix = "/proxy";
  EXPECT_EQ(planned(get("/v1/write"), credential).path(), "/proxy/v1/write");
  EXPECT_EQ(planned(get("/"), credential).path(), "/proxy");
}

TEST(Plan, CarriesBodySizes) {
  auto call = get("/v1");
  EXPECT_FALSE(planned(call, {}).chunked());
  EXPECT_EQ(planned(call, {}).body_size(), std::nullopt);
  call.method = "POST";
  call.has_body = true;
  EXPECT_TRUE(planned(call, {}).chunked());
  call.body_size = 0;
  EXPECT_FALSE(planned(call, {}).chunked());
  EXPECT_EQ(planned(call, {}).body_size(), 0U);
}

// Case 159.
TEST(Plan, RedactsWhatTheCredentialAddsToTheUrl) {
  struct Row {
    registry::AuthSpec auth;
    std::string_view prefix, path, url;
  };
  for (const auto& row : std::vector<Row>{
           {registry::HeaderAuth{}, "", "/v1", "https://api.test/v1"},
           {registry::HeaderAuth{}, "", "/v1?", "https://api.test/v1"},
           {registry::HeaderAuth{}, "", "/v1?a=b%20c&flag", "https://api.test/v1?a=b%20c&flag"},
           {registry::QueryAuth{}, "", "/v1?x=1", "https://api.test/v1?x=1&api_key=REDACTED"},
           {registry::QueryAuth{"a key"}, "", "/v1", "https://api.test/v1?a%20key=REDACTED"},
           {registry::PathAuth{}, "", "/getMe", "https://api.test/botREDACTED/getMe"},
           {registry::PathAuth{}, "", "/", "https://api.test/botREDACTED"},
           {registry::PathAuth{"/{{secret}}/"}, "", "/x", "https://api.test/REDACTED/x"},
           {registry::PathAuth{"/a{{secret}}b/c/"}, "/p", "/x", "https://api.test/aREDACTED/c/p/x"},
           {registry::PathAuth{"/broken"}, "", "/x?y=1", "https://api.test/"},
       }) {
    CredentialPolicy credential;
    credential.auth = row.auth;
    credential.path_prefix = row.prefix;
    EXPECT_EQ(redacted_url(planned(get(std::string(row.path)), credential), row.auth), row.url);
  }
}

}  // namespace
}  // namespace aivault::policy
