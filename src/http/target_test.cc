#include "http/target.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aivault::http {
namespace {

struct TargetCase {
  std::string input;
  std::string wire;       // What is sent; empty: refused.
  std::string violation;  // "path_traversal" ...
  std::string marker;
};

TargetCase sent(std::string input, std::string wire) {
  return {std::move(input), std::move(wire), "", ""};
}
TargetCase same(std::string input) { return {input, input, "", ""}; }
TargetCase syntax(std::string input, std::string marker) {
  return {std::move(input), "", "path_syntax", std::move(marker)};
}
TargetCase climbs(std::string input) {
  return {std::move(input), "", "path_traversal", "path traversal is not allowed"};
}
TargetCase query(std::string input, std::string marker) {
  return {std::move(input), "", "query_encoding", std::move(marker)};
}

std::vector<TargetCase> target_cases() {
  using std::string;
  const auto with_byte = [](char byte) { return "/v1/foo/a" + string(1, byte) + "b"; };
  return {
      same("/v1/foo"),
      same("/v1/foo/"),
      same("/v1/foo/bar"),
      sent("  /v1/foo ", "/v1/foo"),
      sent("\t\r\n/v1/foo\v\f", "/v1/foo"),
      syntax("v1/foo", "must start with '/'"),
      syntax("https://evil.com/v1/foo", "must start with '/'"),
      syntax("?a=1", "must start with '/'"),
      {"", "", "field_required", "request.path is required"},
      {" \t\r\n", "", "field_required", "request.path is required"},
      syntax("//evil.com/v1/foo", "must not start with '//'"),
      climbs("/\\evil.com"),
      climbs("/.//evil.com"),
      same("/v1//foo"),
      same("/v1/foo//bar"),
      climbs("/v1/foo/../bar"),
      climbs("/v1/foo/./bar"),
      climbs("/v1/foo/.."),
      climbs("/v1/foo/."),
      climbs("/."),
      climbs("/.."),
      same("/v1/foo/..."),
      same("/v1/foo/..bar"),
      same("/v1/foo/a..b"),
      same("/v1/foo/..hidden"),
      climbs("/v1/foo/%2e%2e/x"),
      climbs("/v1/foo/%2E%2e/x"),
      climbs("/v1/foo/.%2e/x"),
      climbs("/v1/foo/%2E./x"),
      climbs("/v1/foo/report%2epdf"),
      same("/v1/foobar"),
      same("/v1/foo-bar"),
      same("/v1/foo;x=1"),
      same("/v1/foo%2Fbar"),
      same("/V1/Foo"),
      same("/v1/%66oo"),
      same("/v1/places:searchText"),
      climbs("/v1/foo/%252e%252e/x"),
      climbs("/v1/foo/%25252e./x"),
      climbs("/v1/foo/%25252e%25252e/x"),
      climbs("/v1/foo/%252525252e%252525252e/x"),
      climbs("/v1/foo/%25252525252e%25252525252e/x"),
      climbs("/v1/foo/%252525252541"),
      climbs("/v1/foo/%2525252541"),
      same("/v1/foo/%25252541"),
      climbs("/v1/foo/..%2f..%2fadmin"),
      climbs("/v1/foo/..%252f..%252fadmin"),
      climbs("/v1/foo/%2e.%5cx"),
      same("/v1/foo/a%2Fb"),
      same("/v1/foo/a%20b"),
      climbs("/v1/foo\\..\\..\\admin"),
      climbs("/v1/foo/a%5Cb"),
      climbs("/v1/foo/a%255cb"),
      climbs("/v1/foo/..;/x"),
      climbs("/v1/foo/.;a/x"),
      climbs("/v1/foo/..%3B/x"),
      climbs("/v1/foo/..%3fx"),
      climbs("/v1/foo/.%23"),
      climbs("/v1/foo/..%253F/x"),
      same("/v1/foo/a..%3F/x"),
      climbs("/v1/foo/..%20/x"),
      climbs("/v1/foo/..%2520;x/y"),
      syntax(with_byte('\t'), "control character"),
      syntax(with_byte('\r'), "control character"),
      syntax(with_byte('\n'), "control character"),
      syntax(with_byte('\0'), "control character"),
      syntax(with_byte('\x7f'), "control character"),
      syntax("/v1/foo?a=\nb", "control character"),
      syntax("/v1/foo/.\t./.\t./admin", "control character"),
      syntax("/v1/foo/%00", "control character"),
      syntax("/v1/foo/%0a", "control character"),
      syntax("/v1/foo/%0d%0a", "control character"),
      syntax("/v1/foo/%7F", "control character"),
      syntax("/v1/foo/%25250a", "control character"),
      syntax("/v1/foo#x", "must not contain a fragment"),
      syntax("/v1/foo?a=1#x", "must not contain a fragment"),
      syntax("/v1/foo/a b", "must be percent-encoded"),
      syntax("/v1/foo/%zz", "invalid percent encoding"),
      syntax("/v1/foo/100%", "invalid percent encoding"),
      syntax("/v1/foo/%u002f", "invalid percent encoding"),
      same("/v1/foo/100%25"),
      syntax("/v1/foo/%c0%ae%c0%ae/x", "invalid utf-8"),
      syntax("/v1/foo/..%c0%af", "invalid utf-8"),
      syntax("/v1/foo/%ff", "invalid utf-8"),
      syntax("/v1/foo/\xff", "invalid utf-8"),
      syntax("/v1/foo?a=\xff", "invalid utf-8"),
      sent("/v1/foo/é", "/v1/foo/%C3%A9"),
      // The low byte of U+560A is a line feed, that of U+012E a full stop.
      sent("/v1/foo/\u560a", "/v1/foo/%E5%98%8A"),
      sent("/v1/foo/\u012e\u012e/x", "/v1/foo/%C4%AE%C4%AE/x"),
      sent("/v1/foo/\uff0e\uff0e/x", "/v1/foo/%EF%BC%8E%EF%BC%8E/x"),
      sent("/a\"<>^`{|}b", "/a%22%3C%3E%5E%60%7B%7C%7Db"),
      same("/v1/[a]!$&'()*+,;=:@-._~"),
      same("/v1/foo?x=../..&y=%2e"),
      same("/v1/foo?q=has%3Aattachment&label=a%26b&space=a+b"),
      sent("/v1/foo?q=two words", "/v1/foo?q=two%20words"),
      sent("/v1/foo?q=a\\b\"é", "/v1/foo?q=a%5Cb%22%C3%A9"),
      same("/v1/foo?a[0]=x&b=?/:@"),
      same("/v1/foo?flag"),
      sent("/v1/foo?a=1&&b=2", "/v1/foo?a=1&b=2"),
      sent("/v1/foo?flag&&x=1&", "/v1/foo?flag&x=1"),
      sent("/v1/foo?", "/v1/foo"),
      sent("/v1/foo?&&", "/v1/foo"),
      same("/v1/foo?a=%00"),
      query("/v1/foo?a=%zz", "query parameter contains invalid percent encoding"),
      query("/v1/foo?a=%4", "query parameter contains invalid percent encoding"),
      query("/v1/foo?%=a", "query parameter contains invalid percent encoding"),
      query("/v1/foo?a=%ff", "query parameter contains invalid utf-8"),
      query("/v1/foo?%c0%ae=1", "query parameter contains invalid utf-8"),
      same("/" + string(8191, 'a')),
      syntax("/" + string(8192, 'a'), "longer than 8192"),
      syntax("/" + string(3000, '^'), "longer than 8192"),
      same("/?" + string(32768, 'a')),
      syntax("/?" + string(32769, 'a'), "longer than 32768"),
      syntax("/?" + string(11000, ' ') + "a", "longer than 32768"),
      syntax("/?" + string(32769, '&'), "longer than 32768"),
  };
}

// Cases 17, 92-103, 107-109.
TEST(Target, AcceptsAndRefusesAsTheTableSays) {
  for (const auto& example : target_cases()) {
    SCOPED_TRACE(::testing::PrintToString(example.input.substr(0, 80)));
    const auto target = parse_target(example.input);
    ASSERT_EQ(target.has_value(), !example.wire.empty())
        << (target ? target->wire() : target.error().message);
    if (target) {
      EXPECT_EQ(target->wire(), example.wire);
      continue;
    }
    EXPECT_EQ(target.error().reason, example.violation);
    EXPECT_EQ(target.error().code,
              example.violation == "path_traversal" ? ErrorCode::policy_violation
                                                    : ErrorCode::invalid_request);
    EXPECT_NE(target.error().message.find(example.marker), std::string::npos)
        << target.error().message;
  }
}

TEST(Target, SplitsTheQueryForChecksOnly) {
  const auto target = parse_target("/x?api%5Fkey=a+b%2B&=v&flag&k=v=w");
  ASSERT_TRUE(target);
  const auto& pieces = target->query();
  ASSERT_EQ(pieces.size(), 4U);
  EXPECT_EQ(pieces[0].wire, "api%5Fkey=a+b%2B");
  EXPECT_EQ(pieces[0].name, "api_key");
  EXPECT_EQ(pieces[0].value, "a b+");
  EXPECT_EQ(pieces[1].name, "");
  EXPECT_EQ(pieces[1].value, "v");
  EXPECT_EQ(pieces[2].name, "flag");
  EXPECT_EQ(pieces[2].value, "");
  EXPECT_EQ(pieces[3].value, "v=w");
}

TEST(Target, KeepsAnEmptyNameWithAnEmptyValue) {
  const auto target = parse_target("/x?=");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->wire(), "/x?=");
}

// Case 77.
TEST(Prefix, IsAPathThatNeedsNoEncoding) {
  for (const auto* good : {"/", "/v1/foo", "/v1/", "/api/chat.", "/v1/places:", "/me"}) {
    EXPECT_TRUE(check_prefix(good)) << good;
  }
  for (const auto* bad : {"",
                          "v1/x",
                          "/v1/../x",
                          "/v1/..",
                          "/./x",
                          "/a?b",
                          "/a#b",
                          "/a%2fb",
                          "/a//b",
                          "//a",
                          "/a\\b",
                          "/a b",
                          " /a",
                          "/a\n",
                          "/a\nb",
                          "/\xff",
                          "/é",
                          "/{x}",
                          "/..;x/y"}) {
    const auto checked = check_prefix(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_request);
    EXPECT_EQ(checked.error().reason, "path_syntax");
    EXPECT_TRUE(checked.error().message.starts_with("invalid path prefix"));
  }
}

TEST(ParameterName, IsDecodedFourTimesAndFolded) {
  EXPECT_EQ(fold_parameter_name("API_KEY"), "api_key");
  EXPECT_EQ(fold_parameter_name("api%5Fkey"), "api_key");
  EXPECT_EQ(fold_parameter_name("api%255Fkey"), "api_key");
  EXPECT_EQ(fold_parameter_name("api%2525255fkey"), "api_key");
  EXPECT_EQ(fold_parameter_name("a+b%zz"), "a+b%zz");
}

}  // namespace
}  // namespace aivault::http
