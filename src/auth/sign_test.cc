#include "auth/sign.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <type_traits>
#include <vector>

#include "base/reveal.h"
#include "registry/registry.h"

namespace aivault::auth {
namespace {

struct Wish {
  registry::AuthSpec auth = registry::HeaderAuth{};
  std::string method = "GET";
  std::string path = "/v1";
  http::Headers headers = {};
  std::vector<policy::CredentialPolicy::Header> defaults = {};
  std::string path_prefix = {};
  bool has_body = false;
  std::optional<std::uint64_t> body_size = std::nullopt;
};

policy::PlannedRequest planned(const Wish& wish) {
  static constexpr std::array<registry::TextView, 5> kMethods{
      "GET", "POST", "PUT", "PATCH", "DELETE"};
  static constexpr std::array<registry::TextView, 1> kPaths{"/"};
  static constexpr std::array kAllow{registry::Rule{kMethods, kPaths}};
  static constexpr std::array<registry::TextView, 1> kHosts{"api.test"};
  registry::Capability capability;
  capability.provider = "custom";
  capability.form = registry::PathForm::prefix;
  capability.hosts = kHosts;
  capability.allow = kAllow;

  policy::CredentialPolicy credential;
  credential.hosts = {"api.test:8443"};
  credential.allow_any_port = true;
  credential.auth = wish.auth;
  credential.default_headers = wish.defaults;
  credential.path_prefix = wish.path_prefix;

  policy::CallRequest call;
  call.method = wish.method;
  call.path = wish.path;
  call.headers = wish.headers;
  call.has_body = wish.has_body;
  call.body_size = wish.body_size;
  auto approved = policy::decide(capability, credential, std::move(call));
  EXPECT_TRUE(approved) << approved.error().message;
  return policy::plan(*std::move(approved), policy::PlanOptions{"9"});
}

// The head, or "<code> <reason>: <message>".
std::string head(const Wish& wish, std::string_view secret) {
  const auto result = sign(planned(wish), wish.auth, Secret::copy_of(secret));
  if (result) return std::string(result->head().text(Reveal()));
  return std::string(to_string(result.error().code)) + " " + result.error().reason + ": " +
         result.error().message;
}

std::string request_line(const Wish& wish, std::string_view secret) {
  const auto text = head(wish, secret);
  return text.substr(0, text.find("\r\n"));
}

// The value of the one header of that name; "" if there is none or more than one.
std::string header_of(const std::string& text, const std::string& name) {
  const auto at = text.find("\r\n" + name + ": ");
  if (at == std::string::npos || text.find("\r\n" + name + ": ", at + 1) != std::string::npos) {
    return "";
  }
  const auto begin = at + name.size() + 4;
  return text.substr(begin, text.find("\r\n", begin) - begin);
}

TEST(Sign, WritesACompleteHead) {
  Wish wish;
  wish.method = "POST";
  wish.path = "/v1/things?a=b c&flag";
  wish.headers = {{"Content-Type", "application/json"}};
  wish.has_body = true;
  wish.body_size = 12;
  EXPECT_EQ(head(wish, "sk-test-0001"),
            "POST /v1/things?a=b%20c&flag HTTP/1.1\r\n"
            "host: api.test:8443\r\n"
            "content-type: application/json\r\n"
            "accept: */*\r\n"
            "user-agent: aivault/9\r\n"
            "accept-encoding: identity\r\n"
            "authorization: Bearer sk-test-0001\r\n"
            "content-length: 12\r\n"
            "\r\n");
}

TEST(Sign, FramesBodiesByWhatIsKnown) {
  struct Row {
    std::string method;
    bool has_body;
    std::optional<std::uint64_t> size;
    std::string length, coding;
  };
  for (const auto& row : std::vector<Row>{{"GET", false, std::nullopt, "", ""},
                                          {"DELETE", false, std::nullopt, "", ""},
                                          {"POST", false, std::nullopt, "0", ""},
                                          {"PUT", false, std::nullopt, "0", ""},
                                          {"PATCH", false, std::nullopt, "0", ""},
                                          {"GET", true, 0, "0", ""},
                                          {"GET", true, 5, "5", ""},
                                          {"POST", true, std::nullopt, "", "chunked"}}) {
    Wish wish;
    wish.method = row.method;
    wish.has_body = row.has_body;
    wish.body_size = row.size;
    const auto text = head(wish, "sk-test-0001");
    EXPECT_EQ(header_of(text, "content-length"), row.length) << text;
    EXPECT_EQ(header_of(text, "transfer-encoding"), row.coding) << text;
    EXPECT_EQ(text.find("connection:"), std::string::npos);
  }
}

// Case 141.
TEST(Sign, AsksForAWebSocketWithAKeyOfItsOwnAndNoExtension) {
  static constexpr std::array<registry::TextView, 1> kMethods{"WS"};
  static constexpr std::array<registry::TextView, 1> kPaths{"/"};
  static constexpr std::array kAllow{registry::Rule{kMethods, kPaths}};
  static constexpr std::array<registry::TextView, 1> kHosts{"api.test"};
  registry::Capability capability;
  capability.form = registry::PathForm::prefix;
  capability.hosts = kHosts;
  capability.allow = kAllow;
  policy::CredentialPolicy credential;
  credential.hosts = {"api.test"};
  credential.auth = registry::HeaderAuth{};
  policy::CallRequest call;
  call.method = "GET";
  call.path = "/live";
  call.headers = {{"sec-websocket-key", "the caller's"},
                  {"sec-websocket-extensions", "permessage-deflate"},
                  {"connection", "upgrade"}};
  call.upgrades = true;
  call.protocols = {"chat", "v2"};
  auto approved = policy::decide(capability, credential, std::move(call));
  ASSERT_TRUE(approved) << approved.error().message;
  SigningInput input;
  input.websocket_key = "AAAAAAAAAAAAAAAAAAAAAA==";
  const auto request = sign(policy::plan(*std::move(approved), policy::PlanOptions{"9"}),
                            registry::HeaderAuth{},
                            Secret::copy_of("s3cret"),
                            input);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->websocket_key(), input.websocket_key);
  const auto text = std::string(request->head().text(Reveal()));
  EXPECT_EQ(text,
            "GET /live HTTP/1.1\r\nhost: api.test\r\naccept: */*\r\nuser-agent: aivault/9\r\n"
            "accept-encoding: identity\r\nauthorization: Bearer s3cret\r\n"
            "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
            "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "sec-websocket-protocol: chat, v2\r\n\r\n");
}

TEST(Sign, InjectsHeaders) {
  Wish wish;
  EXPECT_EQ(header_of(head(wish, "sk-test-0001"), "authorization"), "Bearer sk-test-0001");
  wish.auth = registry::HeaderAuth{"x-key", "{{secret}}/{{secret}}"};
  EXPECT_EQ(header_of(head(wish, "a{{secret}}"), "x-key"), "a{{secret}}/a{{secret}}");
  wish.defaults = {{"x-key", "default"}};
  EXPECT_EQ(header_of(head(wish, "k"), "x-key"), "k/k");
}

// Case 142.
TEST(Sign, InjectsAQueryPairLast) {
  Wish wish;
  wish.auth = registry::QueryAuth{};
  EXPECT_EQ(request_line(wish, "a b&c=d/é~"), "GET /v1?api_key=a%20b%26c%3Dd%2F%C3%A9~ HTTP/1.1");
  wish.path = "/v1?x=1&y";
  EXPECT_EQ(request_line(wish, "k"), "GET /v1?x=1&y&api_key=k HTTP/1.1");
  wish.auth = registry::QueryAuth{"a key"};
  EXPECT_EQ(request_line(wish, "k"), "GET /v1?x=1&y&a%20key=k HTTP/1.1");
  EXPECT_EQ(header_of(head(wish, "k"), "authorization"), "");
}

// Case 145.
TEST(Sign, InjectsThePathPrefix) {
  struct Row {
    std::string text, prefix, path, target;
  };
  for (const auto& row :
       std::vector<Row>{{"/bot{{secret}}", "", "/sendMessage", "/bot123:abc/sendMessage"},
                        {"/bot{{secret}}", "", "/sendMessage?a=1", "/bot123:abc/sendMessage?a=1"},
                        {"/bot{{secret}}", "", "/", "/bot123:abc"},
                        {"/bot{{secret}}/", "", "/x/", "/bot123:abc/x/"},
                        {"/{{secret}}/v2/", "", "/x", "/123:abc/v2/x"},
                        {"/bot{{secret}}", "/proxy", "/x", "/bot123:abc/proxy/x"}}) {
    Wish wish;
    wish.auth = registry::PathAuth{row.text};
    wish.path = row.path;
    wish.path_prefix = row.prefix;
    EXPECT_EQ(request_line(wish, "123:abc"), "GET " + row.target + " HTTP/1.1");
  }
}

// Case 145.
TEST(Sign, RefusesSecretsThatWouldChangeThePath) {
  Wish wish;
  wish.auth = registry::PathAuth{"/{{secret}}"};
  for (const std::string_view secret :
       {"a/b", "a%2fb", "..", ".", "a?b", "a#b", "a\\b", "a b", "a\tb", "a\r\nb", "é", "..;x"}) {
    EXPECT_EQ(head(wish, secret),
              "policy_violation auth_config: path auth secret contains invalid characters")
        << secret;
  }
  wish.auth = registry::PathAuth{"/.{{secret}}"};
  EXPECT_TRUE(head(wish, ".").starts_with("policy_violation"));
  EXPECT_EQ(request_line(wish, "..x"), "GET /...x/v1 HTTP/1.1");
}

// Case 144.
TEST(Sign, InjectsBasicFromEveryFormOfSecret) {
  struct Row {
    registry::BasicAuth auth;
    std::string secret, value;
  };
  const registry::BasicAuth plain;
  const registry::BasicAuth email{"{{email}}/token", "{{ api_token }}", true};
  const registry::BasicAuth mailgun{"api", "{{secret}}", true};
  const registry::BasicAuth key_only{"{{secret}}", "", true};
  const registry::BasicAuth nested{"{{tokens.id}}", "{{tokens.access}}", true};
  for (const auto& row : std::vector<Row>{
           {plain, R"({"username":"u","password":"p"})", "dTpw"},
           {plain, "u:p", "dTpw"},
           {plain, "u:p:q", "dTpwOnE="},
           {plain, " {\"username\":\"u\",\"password\":\"\"}", "dTo="},
           {email, R"({"email":"me@x.test","api_token":"t"})", "bWVAeC50ZXN0L3Rva2VuOnQ="},
           {mailgun, "key-1", "YXBpOmtleS0x"},
           {key_only, "sk_1", "c2tfMTo="},
           {nested, R"({"tokens":{" id ":"i","access":"x","n":5},"other":null})", "aTp4"}}) {
    Wish wish;
    wish.auth = row.auth;
    EXPECT_EQ(header_of(head(wish, row.secret), "authorization"), "Basic " + row.value)
        << row.secret;
  }
}

// Case 148.
TEST(Sign, NamesWrongMaterialWithoutQuotingIt) {
  struct Row {
    registry::AuthSpec auth;
    std::string secret, error;
  };
  const registry::BasicAuth plain;
  const auto templated = [](std::string text) {
    return registry::BasicAuth{std::move(text), "x", true};
  };
  const std::string vu = "vault_unavailable secret_malformed: ";
  for (const auto& row : std::vector<Row>{
           {registry::HeaderAuth{}, "", vu + "missing string secret for header auth"},
           {registry::PathAuth{}, "", vu + "missing string secret for path auth"},
           {registry::QueryAuth{}, "", vu + "missing string secret for query auth"},
           {plain, "", vu + "missing username/password secret for basic auth"},
           {registry::HeaderAuth{}, "\xFF", vu + "secret must be utf-8"},
           {registry::PathAuth{}, "\xFF", vu + "secret must be utf-8"},
           {registry::QueryAuth{}, "\xFF", vu + "secret must be utf-8"},
           {plain, "u:\xFF", vu + "secret must be utf-8"},
           {registry::HeaderAuth{}, "sk\n1", vu + "secret cannot be sent in a header"},
           {registry::HeaderAuth{}, "sk\r1", vu + "secret cannot be sent in a header"},
           {registry::HeaderAuth{},
            std::string("sk\0001", 4),
            vu + "secret cannot be sent in a header"},
           {registry::HeaderAuth{}, "café", vu + "secret cannot be sent in a header"},
           {plain, "abc", vu + "basic secret must be JSON with username/password"},
           {plain, "{broken", vu + "basic secret must be JSON with username/password"},
           {plain, R"({"username":"u"})", vu + "missing username/password secret for basic auth"},
           {plain,
            R"({"username":"u","password":5})",
            vu + "missing username/password secret for basic auth"},
           {plain,
            R"({"username":"a:b","password":"p"})",
            vu + "basic username must not contain ':'"},
           {templated("{{email}}"), R"({"a":"b"})", vu + "missing secret field 'email' for auth"},
           {templated("{{email}}"), "text", vu + "missing secret field 'email' for auth"},
           {templated("{{email}}"),
            R"({"email":"a"," email ":"b"})",
            vu + "basic secret must be JSON with username/password"},
           {templated("{{email"),
            "t",
            "policy_violation auth_config: invalid template (missing '}}')"},
           {templated("{{ }}"),
            "t",
            "policy_violation auth_config: invalid template (empty placeholder)"}}) {
    Wish wish;
    wish.auth = row.auth;
    EXPECT_EQ(head(wish, row.secret), row.error);
  }
}

static_assert(!std::is_copy_constructible_v<SignedRequest>);
static_assert(std::is_nothrow_move_constructible_v<SignedRequest>);

}  // namespace
}  // namespace aivault::auth
