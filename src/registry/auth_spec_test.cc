// Auth configs in every accepted spelling, and what is wrong with the others.
#include "registry/auth_spec.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "json/parse.h"
#include "json/write.h"
#include "registry/template.h"

namespace aivault::registry {
namespace {

Result<AuthSpec> parsed(std::string_view text) {
  const auto value = json::parse(text);
  EXPECT_TRUE(value.has_value()) << text;
  return parse_auth(*value);
}

struct Spelling {
  std::string_view text, stored;
};

// Case 82.
TEST(ParseAuth, StoresEverySpellingInOneForm) {
  constexpr std::string_view kBearer =
      R"({"header":{"header_name":"authorization","value_template":"Bearer {{secret}}"}})";
  constexpr std::string_view kKey =
      R"({"header":{"header_name":"x-key","value_template":"{{secret}}"}})";
  constexpr std::string_view kTemplates =
      R"({"basic":{"username_template":"{{ user }}/token","password_template":""}})";
  constexpr Spelling kSpellings[] = {
      {R"("header")", kBearer},
      {R"({"header":{}})", kBearer},
      {R"({"type":"header"})", kBearer},
      {R"({"type":" Header "})", kBearer},
      {R"({"header":{"header_name":null}})", kBearer},
      {R"({"header":{"header_name":" X-Key ","value_template":"{{secret}}"}})", kKey},
      {R"({"header":{"headerName":"x-key","value_template":"{{secret}}"}})", kKey},
      {R"({"type":"header","headerName":"x-key","valueTemplate":"{{secret}}"})", kKey},
      {R"("path")", R"({"path":{"prefix_template":"/bot{{secret}}"}})"},
      {R"({"path":{"prefixTemplate":"/x/{{secret}}/y"}})",
       R"({"path":{"prefix_template":"/x/{{secret}}/y"}})"},
      {R"("query")", R"({"query":{"param_name":"api_key"}})"},
      {R"({"type":"query","param_name":"key"})", R"({"query":{"param_name":"key"}})"},
      {R"({"type":"multi-header","headers":[{"headerName":"X-A","valueTemplate":"{{a}}"}]})",
       R"({"multi_header":[{"header_name":"x-a","value_template":"{{a}}"}]})"},
      {R"({"Multi-Query":[{"paramName":"k","value_template":"{{a}}"}]})",
       R"({"multi_query":[{"param_name":"k","value_template":"{{a}}"}]})"},
      {R"({"type":"aws_sigv4","service":"DynamoDB"})",
       R"({"aws_sig_v4":{"service":"dynamodb","region":"us-east-1"}})"},
      {R"("mTLS")", R"("mtls")"},
      {R"({"type":"mtls"})", R"("mtls")"},
      {R"("hmac")",
       R"({"hmac":{"algorithm":"sha256","header_name":"x-signature",)"
       R"("value_template":"sha256={{signature}}"}})"},
      {R"({"hmac":{"algorithm":"SHA512","payload":"body"}})",
       R"({"hmac":{"algorithm":"sha512","header_name":"x-signature",)"
       R"("value_template":"sha256={{signature}}","payload":"body"}})"},
      {R"({"jwt":{"algorithm":"es256","issuer":"{{app}}"}})",
       R"({"jwt":{"algorithm":"ES256","issuer":"{{app}}","scopes":[]}})"},
      {R"("basic")", R"("basic")"},
      {R"({"basic":{}})", R"("basic")"},
      {R"({"type":"basic"})", R"("basic")"},
      {R"({"basic":{"username_template":"{{ user }}/token","password_template":""}})", kTemplates},
  };
  for (const auto& [text, stored] : kSpellings) {
    const auto spec = parsed(text);
    ASSERT_TRUE(spec.has_value()) << text << " " << spec.error().message;
    EXPECT_EQ(json::compact(to_json(*spec)), stored) << text;
    const auto again = parsed(stored);
    ASSERT_TRUE(again.has_value()) << stored;
    EXPECT_EQ(*again, *spec) << text;
  }
}

struct Refusal {
  std::string_view text, reason, message;
};

// Cases 79, 80, 81, 83.
TEST(ParseAuth, SaysWhatIsWrong) {
  constexpr Refusal kRefusals[] = {
      {"7", "record_invalid", "auth must be a string or an object"},
      {"{}", "record_invalid", "auth must be an object with exactly one tag"},
      {R"({"header":{},"query":{}})",
       "record_invalid",
       "auth must be an object with exactly one tag"},
      {R"({"type":7})", "record_invalid", "auth.type must be a string"},
      {R"({"header":"x"})", "record_invalid", "header auth must be an object"},
      {R"("magic")", "auth_config", "unknown auth.type 'magic'"},
      {R"({"type":"magic"})", "auth_config", "unknown auth.type 'magic'"},
      {R"({"multi_header":[]})",
       "auth_config",
       "multi-header auth must include at least one header template"},
      {R"({"multi_header":[{"value_template":"x"}]})",
       "auth_config",
       "multi-header auth requires non-empty headerName"},
      {R"({"multi_header":[{"header_name":"a","value_template":" "}]})",
       "auth_config",
       "multi-header auth requires non-empty valueTemplate"},
      {R"({"multi_header":[{"header_name":"a","value_template":"x"},)"
       R"({"header_name":"A","value_template":"y"}]})",
       "auth_config",
       "multi-header auth cannot include duplicate header names"},
      {R"({"multi_query":[{"value_template":"x"}]})",
       "auth_config",
       "multi-query auth requires non-empty paramName"},
      {R"({"multi_query":[{"param_name":"a","value_template":"x"},)"
       R"({"param_name":"A","value_template":"y"}]})",
       "auth_config",
       "multi-query auth cannot inject duplicate param names"},
      {R"({"hmac":{"algorithm":"md5"}})",
       "record_invalid",
       "unknown hmac algorithm 'md5': use sha1, sha256, sha384 or sha512"},
      {R"({"hmac":{"payload":"all"}})",
       "record_invalid",
       "unknown hmac payload 'all': use canonical, body or timestamp"},
      {R"({"hmac":{"value_template":"{{secret}}{{signature}}"}})",
       "record_invalid",
       "hmac auth valueTemplate cannot contain {{secret}}: the key is never sent"},
      {R"({"aws_sig_v4":{"region":"*"}})",
       "record_invalid",
       "aws-sigv4 auth region names several regions: SigV4A is not offered"},
      {R"("aws-sig-v4a")", "record_invalid", "SigV4A is not offered"},
      {R"({"jwt":{"algorithm":"HS256"}})",
       "record_invalid",
       "unknown jwt algorithm 'HS256': use RS256, ES256 or EdDSA"},
      {R"({"jwt":{"ttl_seconds":60}})",
       "record_invalid",
       "unknown field 'ttl_seconds' in jwt auth"},
      {R"({"header":{"colour":"red"}})", "record_invalid", "unknown field 'colour' in header auth"},
      {R"({"header":{"header_name":7}})",
       "record_invalid",
       "header auth headerName must be a string"},
      {R"({"header":{"header_name":"a","headerName":"b"}})",
       "record_invalid",
       "header auth gives headerName and header_name: use one of them"},
      {R"({"header":{"header_name":" "}})",
       "record_invalid",
       "header auth requires non-empty headerName"},
      {R"({"header":{"header_name":"a b"}})", "record_invalid", "invalid header name 'a b'"},
      {R"({"header":{"header_name":"Host"}})",
       "record_invalid",
       "header auth cannot set 'host': the broker manages it"},
      {R"({"header":{"header_name":"x-forwarded-for"}})",
       "record_invalid",
       "header auth cannot set 'x-forwarded-for': the broker manages it"},
      {R"({"header":{"value_template":" "}})",
       "record_invalid",
       "header auth requires non-empty valueTemplate"},
      {R"({"header":{"value_template":"{{secret}}\r\nx: y"}})",
       "record_invalid",
       "header auth valueTemplate contains a control character"},
      {R"({"header":{"value_template":"fixed"}})",
       "record_invalid",
       "header auth valueTemplate must contain {{secret}}"},
      {R"({"path":{"prefix_template":"bot{{secret}}"}})",
       "auth_config",
       "path auth prefixTemplate must start with '/'"},
      {R"({"path":{"prefix_template":"/bot{{secret}}?x"}})",
       "auth_config",
       "path auth prefixTemplate cannot include query or fragment"},
      {R"({"path":{"prefix_template":"/bot"}})",
       "auth_config",
       "path auth prefixTemplate must contain exactly one {{secret}}"},
      {R"({"path":{"prefix_template":"/{{secret}}/{{secret}}"}})",
       "auth_config",
       "path auth prefixTemplate must contain exactly one {{secret}}"},
      {R"({"query":{"param_name":" "}})",
       "record_invalid",
       "query auth requires non-empty paramName"},
      {R"({"basic":{"username_template":"{{user}}"}})",
       "record_invalid",
       "basic auth takes both usernameTemplate and passwordTemplate, or neither"},
      {R"({"basic":{"username_template":"a","password_template":"b"}})",
       "record_invalid",
       "basic auth requires a placeholder in usernameTemplate or passwordTemplate"},
      {R"({"basic":{"username_template":"{{user","password_template":"b"}})",
       "auth_config",
       "invalid template (missing '}}')"},
      {R"({"basic":{"username_template":"{{ }}","password_template":"b"}})",
       "auth_config",
       "invalid template (empty placeholder)"},
  };
  for (const auto& [text, reason, message] : kRefusals) {
    const auto spec = parsed(text);
    ASSERT_FALSE(spec.has_value()) << text;
    EXPECT_EQ(spec.error().reason, reason) << text;
    EXPECT_EQ(spec.error().message, message) << text;
  }
}

TEST(AuthSpec, NamesWhatItManages) {
  EXPECT_EQ(managed_headers(HeaderAuth{}), std::vector<std::string>{"authorization"});
  EXPECT_EQ(managed_headers(BasicAuth{}), std::vector<std::string>{"authorization"});
  EXPECT_EQ(managed_headers(QueryAuth{}), std::vector<std::string>());
  EXPECT_EQ(managed_parameters(QueryAuth{"key"}), std::vector<std::string>{"key"});
  EXPECT_EQ(managed_parameters(PathAuth{}), std::vector<std::string>());
  EXPECT_EQ(auth_word(PathAuth{}), "path");
}

TEST(Template, NamesItsPlaceholdersInOrder) {
  const auto found = placeholders_of("{{ a }}-{{b}}{{a}} {c} }}");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, (std::vector<std::string>{"a", "b", "a"}));
}

}  // namespace
}  // namespace aivault::registry
