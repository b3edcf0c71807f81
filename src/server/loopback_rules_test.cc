#include "server/loopback_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aivault::server {
namespace {

std::string outcome(http::Headers headers, std::uint16_t port = 8787) {
  auto checked = check_origin(headers, {});
  if (checked) checked = check_loopback(headers, port);
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

TEST(LoopbackRules, TakeOriginsOfTheOperatorsChoiceAsTheyAreWritten) {
  const std::vector<std::string> allowed = {"http://localhost:3000", "https://app.test"};
  const auto with = [&](const std::vector<std::string>& origins) {
    http::Headers headers = {{"host", "localhost"}};
    for (const auto& origin : origins) headers.push_back({"origin", origin});
    return check_origin(headers, allowed).has_value();
  };
  EXPECT_TRUE(with({}));
  EXPECT_TRUE(with({"http://localhost:3000"}));
  EXPECT_TRUE(with({"https://app.test"}));
  for (const auto* other : {"http://localhost:3001",
                            "http://localhost:3000/",
                            "HTTP://localhost:3000",
                            "https://app.test.evil.com",
                            "https://sub.app.test",
                            "null",
                            ""}) {
    EXPECT_FALSE(with({other})) << other;
  }
  EXPECT_FALSE(with({"https://app.test", "https://evil.com"}));
}

}  // namespace
}  // namespace aivault::server
