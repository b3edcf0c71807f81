#include "server/loopback_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aivault::server {
namespace {

std::string outcome(http::Headers headers, std::uint16_t port = 8787) {
  const auto checked = check_loopback(headers, port);
  return checked ? "ok" : checked.error().reason;
}

// Case 223.
TEST(LoopbackRules, TakeOnlyNamesOfThisMachine) {
  for (const auto* host :
       {"127.0.0.1", "127.0.0.1:8787", "localhost:8787", "LocalHost", "[::1]:8787"}) {
    EXPECT_EQ(outcome({{"host", host}}), "ok") << host;
  }
  for (const auto* host : {"evil.com",
                           "127.0.0.1.evil.com",
                           "localhost.evil.com:8787",
                           "127.0.0.1:80",
                           "127.0.0.1:",
                           "127.0.0.1:x",
                           "127.0.0.1:087870",
                           "127.0.0.2",
                           "0.0.0.0:8787",
                           "127.0.0.1@evil.com",
                           "::1",
                           ""}) {
    EXPECT_EQ(outcome({{"host", host}}), "origin_not_allowed") << host;
  }
  EXPECT_EQ(outcome({}), "origin_not_allowed");
  EXPECT_EQ(outcome({{"host", "127.0.0.1:4711"}}, 0), "ok");
}

// Case 223.
TEST(LoopbackRules, RefuseWhatBrowsersAndProxiesSend) {
  const auto with = [](std::string name, std::string value) {
    return outcome({{"host", "localhost"}, {std::move(name), std::move(value)}});
  };
  EXPECT_EQ(with("origin", "https://evil.com"), "origin_not_allowed");
  EXPECT_EQ(with("origin", "null"), "origin_not_allowed");
  EXPECT_EQ(with("sec-fetch-site", "cross-site"), "origin_not_allowed");
  EXPECT_EQ(with("sec-fetch-site", "same-site"), "origin_not_allowed");
  EXPECT_EQ(with("sec-fetch-site", "none"), "ok");
  EXPECT_EQ(with("sec-fetch-mode", "cors"), "ok");
  for (const auto* name :
       {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"}) {
    EXPECT_EQ(with(name, "1"), "header_syntax") << name;
  }
}

}  // namespace
}  // namespace aivault::server
