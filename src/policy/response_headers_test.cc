#include "policy/response_headers.h"

#include <gtest/gtest.h>

namespace aivault::policy {
namespace {

// Cases 137, 138.
TEST(ResponseHeaders, HideFramingCookiesCredentialsAndCors) {
  http::Headers upstream = {{"Content-Type", "text/plain"}, {"connection", "x-hop"}};
  for (const std::string_view name : {"x-hop",
                                      "transfer-encoding",
                                      "content-length",
                                      "keep-alive",
                                      "upgrade",
                                      "sec-websocket-accept",
                                      "via",
                                      "forwarded",
                                      "x-forwarded-for",
                                      "set-cookie",
                                      "Set-Cookie2",
                                      "www-authenticate",
                                      "proxy-authenticate",
                                      "authorization",
                                      "proxy-authorization",
                                      "authentication-info",
                                      "proxy-authentication-info",
                                      "x-auth-token",
                                      "x-access-token",
                                      "x-csrf-token",
                                      "x-xsrf-token",
                                      "x-amz-security-token",
                                      "alt-svc",
                                      "clear-site-data",
                                      "nel",
                                      "report-to",
                                      "access-control-allow-origin",
                                      "X-Aivault-Error",
                                      "x-thing-key"}) {
    upstream.push_back({std::string(name), "x"});
  }
  upstream.push_back({"X-Trace-Id", "t"});
  upstream.push_back({"x-trace-id", "u"});
  EXPECT_EQ(
      visible_headers(upstream, registry::HeaderAuth{"x-thing-key", "{{secret}}"}),
      (http::Headers{{"content-type", "text/plain"}, {"x-trace-id", "t"}, {"x-trace-id", "u"}}));
}

TEST(ResponseHeaders, DropDigestsOfOtherBytes) {
  http::Headers headers = {{"digest", "x"}, {"etag", "e"}, {"content-md5", "x"}};
  headers.push_back({"content-digest", "x"});
  headers.push_back({"repr-digest", "x"});
  drop_digests(headers);
  EXPECT_EQ(headers, (http::Headers{{"etag", "e"}}));
}

// Case 122.
TEST(ResponseHeaders, RedactManagedParametersOfLocations) {
  struct Row {
    std::string_view from, to;
  };
  for (const auto& row :
       std::vector<Row>{{"https://x.test/a?key=abc&b=1", "https://x.test/a?key=REDACTED&b=1"},
                        {"/a?b=1&KEY=abc", "/a?b=1&KEY=REDACTED"},
                        {"?k%65y=abc#key=def", "?k%65y=REDACTED#key=REDACTED"},
                        {"/a?b=1;key=abc;c=2", "/a?b=1;key=REDACTED;c=2"},
                        {"/a?keys=abc&x=key", "/a?keys=abc&x=key"},
                        {"/key=abc", "/key=abc"},
                        {"/a?", "/a?"}}) {
    const auto visible =
        visible_headers({{"Location", std::string(row.from)}}, registry::QueryAuth{"key"});
    ASSERT_EQ(visible.size(), 1U);
    EXPECT_EQ(visible[0].value, row.to);
  }
  const http::Headers location = {{"location", "/a?key=abc"}};
  EXPECT_EQ(visible_headers(location, registry::HeaderAuth{}), location);
}

}  // namespace
}  // namespace aivault::policy
