#include "http/host.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace aivault::http {
namespace {

constexpr std::string_view kInvalid = "invalid host authority in capability or credential";

TEST(Authority, IsCanonical) {
  const std::array<std::array<std::string, 2>, 16> cases = {{
      {"api.openai.com", "api.openai.com"},
      {" API.OpenAI.com ", "api.openai.com"},
      {"a.com.", "a.com"},
      {"a.com:443", "a.com"},
      {"a.com.:8443", "a.com:8443"},
      {"a.com:8443", "a.com:8443"},
      {"under_score.a-b.com", "under_score.a-b.com"},
      {"localhost:1", "localhost:1"},
      {"10.0.0.5", "10.0.0.5"},
      {"127.1", "127.1"},  // A name; the guard against private networks refuses its use.
      {"[::1]", "[::1]"},
      {"[0:0::0001]:8443", "[::1]:8443"},
      {"[FD00::A]:443", "[fd00::a]"},
      {"[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"},
      {"XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example"},
      {std::string(63, 'a') + ".b:65535", std::string(63, 'a') + ".b:65535"},
  }};
  for (const auto& [raw, canonical] : cases) {
    const auto authority = parse_authority(raw);
    ASSERT_TRUE(authority) << raw << ": " << authority.error().message;
    EXPECT_EQ(authority->text(), canonical);
    const auto again = parse_authority(authority->text());
    ASSERT_TRUE(again) << raw;
    EXPECT_EQ(*again, *authority);
  }
}

TEST(Authority, KnowsItsPort) {
  EXPECT_EQ(parse_authority("a.com")->effective_port(), 443);
  EXPECT_EQ(parse_authority("a.com:443")->port(), std::nullopt);
  EXPECT_EQ(parse_authority("a.com:8443")->effective_port(), 8443);
  EXPECT_EQ(parse_authority("[::1]")->host(), "::1");
  EXPECT_TRUE(parse_authority("[::1]")->is_ipv6());
}

TEST(Authority, RefusesWhatIsMoreOrLessThanAHost) {
  const std::string long_name = std::string(60, 'a') + "." + std::string(60, 'b') + "." +
                                std::string(60, 'c') + "." + std::string(60, 'd') + "." +
                                std::string(10, 'e');
  for (const auto& raw : {std::string(""),
                          std::string("  "),
                          std::string("http://x.com"),
                          std::string("x.com/"),
                          std::string("x.com/a"),
                          std::string("u@x.com"),
                          std::string("u:p@x.com"),
                          std::string("x.com?"),
                          std::string("x.com#a"),
                          std::string("x .com"),
                          std::string("x.com\r\nhost:y"),
                          std::string("x\0.com", 6),
                          std::string("x..com"),
                          std::string(".x.com"),
                          std::string("x.com.."),
                          std::string("."),
                          std::string("x.com:"),
                          std::string("x.com:0"),
                          std::string("x.com:0443"),
                          std::string("x.com:+443"),
                          std::string("x.com:65536"),
                          std::string("x.com:443:443"),
                          std::string("x.com:80a"),
                          std::string(":443"),
                          std::string("::1"),
                          std::string("[::1"),
                          std::string("[::1]a"),
                          std::string("[::1]."),
                          std::string("[::1%eth0]"),
                          std::string("[1.2.3.4]"),
                          std::string("[]"),
                          std::string("[::1\0x]", 8),
                          std::string("x%2ecom"),
                          std::string("x\\y.com"),
                          std::string("x,y.com"),
                          std::string("{own}"),
                          std::string(64, 'a') + ".com",
                          long_name}) {
    const auto authority = parse_authority(raw);
    ASSERT_FALSE(authority) << raw;
    EXPECT_EQ(authority.error().code, ErrorCode::policy_violation);
    EXPECT_EQ(authority.error().reason, "host_mismatch");
    EXPECT_TRUE(authority.error().message.starts_with(kInvalid)) << authority.error().message;
  }
}

TEST(Authority, AsksForTheAsciiFormOfANameBeyondAscii) {
  for (const auto* raw : {"bücher.example", "\u0430pi.openai.com", "api\u3002openai.com"}) {
    const auto authority = parse_authority(raw);
    ASSERT_FALSE(authority);
    EXPECT_NE(authority.error().message.find("use the xn-- form"), std::string::npos);
  }
}

TEST(Authority, HasNoWildcard) {
  const auto authority = parse_authority("*.example.com");
  ASSERT_FALSE(authority);
  EXPECT_EQ(authority.error().message, "wildcard hosts are invalid for core conformance");
}

// Case 76.
TEST(Pattern, FollowsTheGrammar) {
  for (const auto* good :
       {"api.openai.com", "*.openai.com", "*.a.com:8443", "a.com.", "XN--BCHER-KVA.EXAMPLE"}) {
    EXPECT_TRUE(check_pattern(good)) << good;
  }
  const std::array<std::array<std::string_view, 2>, 15> cases = {{
      {"", "host cannot be empty"},
      {" ", "host cannot be empty"},
      {"*", "wildcards are only allowed as leading *."},
      {"a.*.com", "wildcards are only allowed as leading *."},
      {"a*.x.com", "wildcards are only allowed as leading *."},
      {"**.x.com", "wildcards are only allowed as leading *."},
      {"*.a.*.com", "invalid wildcard host pattern"},
      {"*.*.com", "invalid wildcard host pattern"},
      {"*.com", "wildcard must include at least one suffix label"},
      {"*.com.", "wildcard must include at least one suffix label"},
      {"*.10.0.0.1", "invalid wildcard host pattern"},
      {"*.", kInvalid},
      {"*..com", kInvalid},
      {"*.x.com/a", kInvalid},
      {"*.\vx.com", kInvalid},
  }};
  for (const auto& [pattern, marker] : cases) {
    const auto checked = check_pattern(pattern);
    ASSERT_FALSE(checked) << pattern;
    EXPECT_EQ(checked.error().code, ErrorCode::policy_violation);
    EXPECT_TRUE(checked.error().message.starts_with(marker))
        << pattern << ": " << checked.error().message;
  }
  EXPECT_FALSE(check_pattern("*.[::1]"));
}

struct MatchCase {
  std::string_view pattern, host;
  bool match;
};

// Case 111.
TEST(Pattern, MatchesAsTheTableSays) {
  const std::array<MatchCase, 26> cases = {{
      {"api.openai.com", "API.OpenAI.com", true},
      {"*.example.com", "badexample.com", false},
      {"api.openai.com", "api.openai.com.exfil.io", false},
      {"*.xn--bcher-kva.example", "shop.xn--bcher-kva.example", true},
      {"example.com", "sub.example.com", false},
      {"XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example", true},
      {"*.openai.com", "api.openai.com", true},
      {"*.openai.com", "a.b.openai.com", true},
      {"*.openai.com", "openai.com", false},
      {"a.com:8443", "a.com", false},
      {"a.com:8443", "a.com:8444", false},
      {"a.com:8443", "a.com:8443", true},
      {"a.com", "a.com:8443", true},
      {"a.com:443", "a.com:8443", true},
      {"*.a.com:8443", "x.a.com:8443", true},
      {"*.a.com:8443", "x.a.com", false},
      {"a.com", "a.com.", true},
      {"a.com.", "a.com", true},
      {"*.openai.com", "api.openai.com.evil.io", false},
      {"*.openai.com", "evilopenai.com", false},
      {"openai.com", "evilopenai.com", false},
      {"[::1]", "[0::1]", true},
      {"[::1]", "[::2]", false},
      {"*.com", "a.com", false},
      {"a.*.com", "a.b.com", false},
      {"", "a.com", false},
  }};
  for (const auto& example : cases) {
    const auto authority = parse_authority(example.host);
    ASSERT_TRUE(authority) << example.host;
    EXPECT_EQ(matches(example.pattern, *authority), example.match)
        << example.pattern << " " << example.host;
  }
}

}  // namespace
}  // namespace aivault::http
