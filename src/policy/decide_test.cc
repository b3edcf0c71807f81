#include "policy/decide.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "registry/registry.h"

namespace aivault::policy {
namespace {

// One rule, one slot: enough of a capability for every row.
struct Owned {
  std::vector<registry::TextView> methods, paths, hosts, except, never;
  std::vector<registry::Rule> rules;
  registry::Capability capability;
  Owned(std::vector<registry::TextView> allowed_methods,
        std::vector<registry::TextView> allowed_paths,
        std::vector<registry::TextView> allowed_hosts,
        registry::PathForm form = registry::PathForm::prefix)
      : methods(std::move(allowed_methods)),
        paths(std::move(allowed_paths)),
        hosts(std::move(allowed_hosts)) {
    rules.push_back({methods, paths});
    capability.id = "custom/things";
    capability.provider = "custom";
    capability.form = form;
    capability.hosts = hosts;
    capability.allow = rules;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
};

CredentialPolicy credential_for(std::vector<std::string> hosts) {
  CredentialPolicy credential;
  credential.id = "custom";
  credential.hosts = std::move(hosts);
  credential.auth = registry::HeaderAuth{};
  return credential;
}

CallRequest call_of(std::string method, std::string path) {
  CallRequest call;
  call.method = std::move(method);
  call.path = std::move(path);
  return call;
}

// "ok <target>", or "<reason>: <message>".
std::string verdict(const Result<Approved>& result) {
  if (result) return "ok " + result->target().wire();
  return result.error().reason + ": " + result.error().message;
}

TEST(Decide, JudgesAnUpgradeAsTheMethodWs) {
  const auto credential = credential_for({"api.test"});
  const auto upgrade = [&](const registry::Capability& capability, CallRequest call) {
    call.upgrades = true;
    const auto result = decide(capability, credential, std::move(call));
    return result ? "ok " + result->method() : result.error().reason;
  };
  const Owned live({"WS"}, {"/live"}, {"api.test"});
  Owned get({"GET"}, {"/live"}, {"api.test"});
  const Owned post({"POST"}, {"/live"}, {"api.test"});
  EXPECT_EQ(upgrade(live.capability, call_of("GET", "/live")), "ok GET");
  EXPECT_EQ(upgrade(live.capability, call_of("POST", "/live")), "method_not_allowed");
  EXPECT_EQ(upgrade(live.capability, call_of("WS", "/live")), "method_not_allowed");
  EXPECT_EQ(upgrade(live.capability, call_of("GET", "/other")), "path_not_allowed");
  EXPECT_EQ(upgrade(get.capability, call_of("GET", "/live")), "method_not_allowed");
  EXPECT_EQ(upgrade(post.capability, call_of("GET", "/live")), "method_not_allowed");
  get.capability.websocket = true;
  EXPECT_EQ(upgrade(get.capability, call_of("GET", "/live")), "ok GET");
  EXPECT_EQ(verdict(decide(live.capability, credential, call_of("GET", "/live"))),
            "method_not_allowed: method not allowed by capability");

  auto reader = call_of("GET", "/live");
  reader.read_only = true;
  EXPECT_EQ(upgrade(get.capability, reader), "agent_read_only");
  auto bodied = call_of("GET", "/live");
  bodied.has_body = true;
  EXPECT_EQ(upgrade(live.capability, bodied), "body_length");
  for (const std::vector<std::string>& protocols : {std::vector<std::string>{"a b"},
                                                    {"a", "a"},
                                                    {""},
                                                    {"a\r\nx: y"},
                                                    {std::string(257, 'a')}}) {
    auto strange = call_of("GET", "/live");
    strange.protocols = protocols;
    EXPECT_EQ(upgrade(live.capability, strange), "header_syntax");
  }
}

// Cases 90, 104.
TEST(Decide, JudgesPathsOfAPlainPrefix) {
  const Owned owned({"GET"}, {"/v1/foo"}, {"api.test"});
  const auto credential = credential_for({"api.test"});
  struct Row {
    std::string_view path, outcome;  // The beginning of the verdict.
  };
  const std::string_view traversal = "path_traversal: path traversal is not allowed";
  const std::string_view outside = "path_not_allowed: path not allowed by capability";
  for (const auto& [path, outcome] : std::vector<Row>{
           {"/v1/foo", "ok /v1/foo"},
           {"/v1/foo/", "ok /v1/foo/"},
           {"/v1/foo/bar", "ok /v1/foo/bar"},
           {"  /v1/foo ", "ok /v1/foo"},
           {"v1/foo", "path_syntax: request.path must start with '/'"},
           {"https://evil.com/v1/foo", "path_syntax: request.path must start with '/'"},
           {"/v1//foo", outside},
           {"/v1/foo//bar", "ok /v1/foo//bar"},
           {"/v1/foo/../bar", traversal},
           {"/v1/foo/..", traversal},
           {"/v1/foo/...", "ok /v1/foo/..."},
           {"/v1/foo/..hidden", "ok /v1/foo/..hidden"},
           {"/v1/foo/%2e%2e/x", traversal},
           {"/v1/foo/%252e%252e/x", traversal},
           {"/v1/foo/a%2Fb", "ok /v1/foo/a%2Fb"},
           {"/v1/foo/..;/x", traversal},
           {"/v1/foobar", outside},
           {"/v1/foo-bar", outside},
           {"/v1/foo.json", outside},
           {"/v1/foo:op", outside},
           {"/v1/foo;x=1", outside},
           {"/v1/foo%2Fbar", outside},
           {"/V1/Foo", outside},
           {"/v1/%66oo", outside},
           {"/v1/foo/é", "ok /v1/foo/%C3%A9"},
           {"/v1/foo?x=../..&y=%2e", "ok /v1/foo?x=../..&y=%2e"},
           {"/v1/foo?q=has%3Aattachment&label=a%26b&space=a+b",
            "ok /v1/foo?q=has%3Aattachment&label=a%26b&space=a+b"},
           {"/v1/foo?q=two words", "ok /v1/foo?q=two%20words"},
           {"/v1/foo?flag&&x=1", "ok /v1/foo?flag&x=1"},
           {"/v1/foo?", "ok /v1/foo"},
           {"/v1/foo?a=%zz", "query_encoding: "},
           {"/v1/foo#x", "path_syntax: request.path must not contain a fragment"},
       }) {
    const auto got =
        verdict(decide(owned.capability, credential, call_of("GET", std::string(path))));
    EXPECT_TRUE(got.starts_with(outcome)) << path << " -> " << got;
    if (outcome.starts_with("ok")) EXPECT_EQ(got, outcome);
  }
}

// Cases 91, 105, 106.
TEST(Decide, JudgesPrefixesThatEndInPunctuation) {
  struct Row {
    std::string_view prefix, path;
    bool allowed;
  };
  for (const auto& row : std::array<Row, 6>{{{"/api/chat.", "/api/chat.postMessage", true},
                                             {"/v1/places:", "/v1/places:searchText", true},
                                             {"/v1/", "/v1", false},
                                             {"/v1/", "/v1/x", true},
                                             {"/", "/v1/anything", true},
                                             {"/me", "/messages", false}}}) {
    const Owned owned({"GET"}, {row.prefix}, {"api.test"});
    const auto result = decide(
        owned.capability, credential_for({"api.test"}), call_of("GET", std::string(row.path)));
    EXPECT_EQ(result.has_value(), row.allowed) << row.prefix << ' ' << row.path;
  }
}

TEST(Decide, AllowsExactlyAndForbidsWidely) {
  Owned owned({"GET"}, {"/v1/files/{id}"}, {"api.test"}, registry::PathForm::pattern);
  owned.except = {"/v1/files/secret"};
  owned.never = {"/v1/files/{id}/admin"};
  owned.capability.except = owned.except;
  owned.capability.never = owned.never;
  const auto allowed = [&](std::string path) {
    return decide(owned.capability, credential_for({"api.test"}), call_of("GET", std::move(path)))
        .has_value();
  };
  EXPECT_TRUE(allowed("/v1/files/f1"));
  EXPECT_TRUE(allowed("/v1/files/f1/content"));
  for (const std::string_view path : {"/v1/files",
                                      "/v1/files/secret",
                                      "/v1/files/SECRET",
                                      "/v1/files/s%65cret",
                                      "/v1/files/secret;x",
                                      "/v1/files/secret/x",
                                      "/v1/files/f1/admin",
                                      "/v1/files/f1/%61dmin/x"}) {
    EXPECT_FALSE(allowed(std::string(path))) << path;
  }
}

// Case 88.
TEST(Decide, JudgesMethods) {
  const Owned owned({"POST", "WS", "CONNECT", "TRACE"}, {"/v1"}, {"api.test"});
  const auto credential = credential_for({"api.test"});
  const auto posted = decide(owned.capability, credential, call_of("post", "/v1"));
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->method(), "POST");
  for (const std::string_view method :
       {"GET", "WS", "ws", "CONNECT", "TRACE", "POST ", "P\rOST", "POST / HTTP/1.1\r\nX:", ""}) {
    EXPECT_EQ(verdict(decide(owned.capability, credential, call_of(std::string(method), "/v1"))),
              "method_not_allowed: method not allowed by capability")
        << method;
  }
}

// Case 89.
TEST(Decide, AnswersWithTheFirstRowThatFails) {
  const Owned owned({"POST"}, {"/v1"}, {"api.test"});
  auto credential = credential_for({"other.test"});
  auto call = call_of("GET", "/v2/../x");
  call.headers = {{"authorization", "x"}};
  const auto reason = [&] {
    const auto result = decide(owned.capability, credential, call);
    return result ? std::string("ok") : result.error().reason;
  };
  EXPECT_EQ(reason(), "path_traversal");
  call.path = "/v2?api_key=1";
  EXPECT_EQ(reason(), "method_not_allowed");
  call.method = "POST";
  EXPECT_EQ(reason(), "path_not_allowed");
  call.path = "/v1?api_key=1";
  EXPECT_EQ(reason(), "host_mismatch");
  credential.hosts = {"api.test:8443"};
  EXPECT_EQ(reason(), "port_not_allowed");
  credential.hosts = {"api.test"};
  credential.auth = registry::QueryAuth{};
  EXPECT_EQ(reason(), "query_param_managed");
  call.path = "/v1";
  EXPECT_EQ(reason(), "auth_header_rejected");
  call.headers.clear();
  EXPECT_EQ(reason(), "ok");
}

// Case 112.
TEST(Decide, ChoosesExactlyOneHost) {
  struct Row {
    std::vector<std::string> credential;
    std::vector<registry::TextView> capability;
    std::string_view outcome;  // The authority, or the end of the message.
  };
  for (const auto& row : std::vector<Row>{
           {{"API.one.test."}, {"api.one.test"}, "api.one.test"},
           {{"a.test", "b.test"}, {"b.test"}, "b.test"},
           {{"acme.example.com"}, {"{sub}.example.com"}, "acme.example.com"},
           {{"api.acme.example.com"}, {"api.{sub}.example.com"}, "api.acme.example.com"},
           {{"git.acme.test"}, {"{own}"}, "git.acme.test"},
           {{"example.com"}, {"{sub}.example.com"}, "effective host intersection is empty"},
           {{"acme.example.com.evil.io"},
            {"{sub}.example.com"},
            "effective host intersection is empty"},
           {{"acme.badexample.com"}, {"{sub}.example.com"}, "effective host intersection is empty"},
           {{"a.test", "A.test:443"}, {"a.test"}, "a.test"},
           {{"shop.example.com"}, {"*.example.com"}, "shop.example.com"},
           {{"a.test"}, {"b.test"}, "effective host intersection is empty"},
           {{}, {"b.test"}, "effective host intersection is empty"},
           {{"example.com"}, {"*.example.com"}, "effective host intersection is empty"},
           {{"x.example.com", "y.example.com"},
            {"*.example.com"},
            "core conformance requires exactly one effective host"},
       }) {
    const Owned owned({"GET"}, {"/"}, row.capability);
    const auto result =
        decide(owned.capability, credential_for(row.credential), call_of("GET", "/x"));
    EXPECT_EQ(result ? result->authority().text() : result.error().message, row.outcome);
    if (!result) EXPECT_EQ(result.error().reason, "host_mismatch");
  }
}

// Case 119.
TEST(Decide, RefusesAuthoritiesThatAreNone) {
  const Owned owned({"GET"}, {"/"}, {"x.com"});
  for (const std::string_view host : {"http://x.com", "user@x.com", "x.com/path", "x com"}) {
    const auto result =
        decide(owned.capability, credential_for({std::string(host)}), call_of("GET", "/x"));
    ASSERT_FALSE(result) << host;
    EXPECT_TRUE(
        result.error().message.starts_with("invalid host authority in capability or credential"))
        << result.error().message;
  }
}

// Case 118.
TEST(Decide, AllowsOtherPortsOnlyWhereTheCredentialMay) {
  const Owned owned({"GET"}, {"/"}, {"host.test"});
  auto credential = credential_for({"host.test:8443"});
  EXPECT_EQ(verdict(decide(owned.capability, credential, call_of("GET", "/x"))),
            "port_not_allowed: non-default port not allowed");
  credential.allow_any_port = true;
  EXPECT_EQ(decide(owned.capability, credential, call_of("GET", "/x"))->authority().text(),
            "host.test:8443");
  credential = credential_for({"host.test:443"});
  EXPECT_TRUE(decide(owned.capability, credential, call_of("GET", "/x")));
}

TEST(Decide, GuardsLiteralHosts) {
  for (const std::string host : {"localhost", "10.0.0.5", "[::1]", "169.254.169.254", "127.1"}) {
    const Owned owned({"GET"}, {"/"}, {host});
    auto credential = credential_for({host});
    EXPECT_EQ(verdict(decide(owned.capability, credential, call_of("GET", "/x"))),
              "ssrf_blocked: upstream host blocked by SSRF guard")
        << host;
    credential.addresses = AddressPolicy::allow_private;
    const bool lifted = host != "169.254.169.254" && host != "127.1";
    EXPECT_EQ(decide(owned.capability, credential, call_of("GET", "/x")).has_value(), lifted)
        << host;
  }
}

// Case 142.
TEST(Decide, RefusesManagedParametersHoweverTheyAreSpelled) {
  const Owned owned({"GET"}, {"/v1"}, {"api.test"});
  auto credential = credential_for({"api.test"});
  credential.auth = registry::QueryAuth{};
  credential.managed_parameters = {"access_token"};
  for (const std::string_view query : {"api_key=x",
                                       "API_KEY=x",
                                       "api%5Fkey=x",
                                       "api%255Fkey=x",
                                       "%61pi_key=x",
                                       "api_key[]=x",
                                       "api_key%5B0%5D=x",
                                       "api_key%00=x",
                                       "+api_key=x",
                                       "a=1;api_key=x",
                                       "a=1&api_key",
                                       "access_token=x"}) {
    EXPECT_EQ(
        verdict(decide(owned.capability, credential, call_of("GET", "/v1?" + std::string(query)))),
        "query_param_managed: query auth parameter is broker-managed")
        << query;
  }
  for (const std::string_view query :
       {"my_api_key=x", "api_key2=x", "q=api_key", "key=api_key=1"}) {
    EXPECT_TRUE(decide(owned.capability, credential, call_of("GET", "/v1?" + std::string(query))))
        << query;
  }
}

// Case 145.
TEST(Decide, RefusesPathsThatImitatePathAuth) {
  const Owned owned({"GET"}, {"/"}, {"api.test"});
  auto credential = credential_for({"api.test"});
  credential.auth = registry::PathAuth{};
  EXPECT_EQ(verdict(decide(owned.capability, credential, call_of("GET", "/botattacker/x"))),
            "path_not_allowed: caller-supplied path includes broker-managed auth prefix");
  EXPECT_TRUE(decide(owned.capability, credential, call_of("GET", "/sendMessage")));
  credential.auth = registry::PathAuth{"/{{secret}}"};
  EXPECT_TRUE(decide(owned.capability, credential, call_of("GET", "/botattacker/x")));
}

// Case 136.
TEST(Decide, ReplacesContentTypeOfMultipart) {
  const Owned owned({"POST"}, {"/"}, {"api.test"});
  auto call = call_of("POST", "/x");
  call.headers = {{"content-type", "text/plain"}, {"x-ok", "1"}};
  call.multipart_content_type = "multipart/form-data; boundary=aivault-00";
  call.has_body = true;
  call.body_size = 7;
  const auto result = decide(owned.capability, credential_for({"api.test"}), call);
  ASSERT_TRUE(result);
  EXPECT_EQ(
      result->headers(),
      (http::Headers{{"x-ok", "1"}, {"content-type", "multipart/form-data; boundary=aivault-00"}}));
  EXPECT_EQ(result->body_size(), 7U);
}

TEST(Decide, RefusesStoredDefaultsThatWouldBreakTheHead) {
  const Owned owned({"GET"}, {"/"}, {"api.test"});
  for (const auto& header : std::vector<CredentialPolicy::Header>{
           {"x-a", "1\r\nx-b: 2"}, {"x a", "1"}, {"content-length", "5"}, {"host", "evil.test"}}) {
    auto credential = credential_for({"api.test"});
    credential.default_headers = {header};
    const auto result = decide(owned.capability, credential, call_of("GET", "/x"));
    ASSERT_FALSE(result) << header.name;
    EXPECT_EQ(result.error().reason, "auth_config");
  }
}

TEST(Decide, KeepsWhatTheProviderForbidsFromEveryCapabilityOfItsCredentials) {
  const Owned owned({"GET"}, {"/"}, {"api.test"});
  auto credential = credential_for({"api.test"});
  EXPECT_EQ(verdict(decide(owned.capability, credential, call_of("GET", "/v1/keys"))),
            "ok /v1/keys");
  credential.provider = std::make_shared<const ProviderRules>(ProviderRules{{"/v1/keys"}, {}, {}});
  for (const auto* path : {"/v1/keys", "/v1/keys/7", "/V1/Keys", "/v1//keys", "/v1/%6Beys"}) {
    EXPECT_FALSE(decide(owned.capability, credential, call_of("GET", path))) << path;
  }
  EXPECT_EQ(verdict(decide(owned.capability, credential, call_of("GET", "/v1/items"))),
            "ok /v1/items");
}

TEST(Decide, KeepsTheHostsOfOtherPurposesFromPatternsWithParams) {
  const Owned owned({"GET"}, {"/"}, {"{sub}.x.test"}, registry::PathForm::pattern);
  auto credential = credential_for({"files.x.test"});
  EXPECT_TRUE(decide(owned.capability, credential, call_of("GET", "/")));
  credential.provider = std::make_shared<const ProviderRules>(
      ProviderRules{{}, {"{sub}.x.test", "files.x.test"}, {}});
  EXPECT_FALSE(decide(owned.capability, credential, call_of("GET", "/")));
}

TEST(Decide, TakesPortsOnlyWhereTheCredentialDoes) {
  const Owned owned({"GET"}, {"/"}, {"{own}"}, registry::PathForm::pattern);
  auto credential = credential_for({"lab.test:8443"});
  EXPECT_EQ(verdict(decide(owned.capability, credential, call_of("GET", "/"))),
            "port_not_allowed: non-default port not allowed");
  credential.allow_any_port = true;
  EXPECT_TRUE(decide(owned.capability, credential, call_of("GET", "/")));
  const Owned named({"GET"}, {"/"}, {"{sub}.x.test:8443"}, registry::PathForm::pattern);
  for (const auto& [host, good] : {std::pair{"a.x.test:8443", true}, {"a.x.test", false}}) {
    auto other = credential_for({host});
    other.allow_any_port = true;
    EXPECT_EQ(decide(named.capability, other, call_of("GET", "/")).has_value(), good) << host;
  }
}

TEST(Decide, HoldsForEveryExampleOfTheRegistry) {
  std::size_t judged = 0;
  for (const auto& provider : registry::providers()) {
    for (const auto& capability : provider.capabilities) {
      if (capability.example.method == "WS") continue;
      std::string host(capability.hosts.front());
      for (const std::string_view mark : {"*", "{"}) {
        if (host.find(mark) != std::string::npos) host.clear();
      }
      if (host.empty()) continue;
      auto credential = credential_for({host});
      std::string path(capability.example.path);
      if (!capability.example.query.empty()) path += "?" + std::string(capability.example.query);
      const auto result =
          decide(capability, credential, call_of(std::string(capability.example.method), path));
      EXPECT_TRUE(result) << capability.id.view() << ' ' << path << ' ' << verdict(result);
      ++judged;
    }
  }
  EXPECT_GT(judged, 50U);
}

}  // namespace
}  // namespace aivault::policy
