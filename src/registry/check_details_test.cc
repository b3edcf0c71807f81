// Further faults that a check finds, one at a time in a good file, beside those in check_test.cc.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "registry/judged_file_test.h"

namespace aivault::registry {
namespace {

struct Fault {
  std::string_view from;
  std::string to;
  std::vector<std::string> lines;
};

constexpr std::string_view kHeader =
    R"({ "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } })";

void expect_each(const std::vector<Fault>& faults) {
  for (const auto& fault : faults) {
    EXPECT_EQ(problems_of(replaced(fault.from, fault.to)), fault.lines) << fault.to;
  }
}

TEST(CheckDetails, OfHosts) {
  constexpr std::string_view kHost = R"(["files.acme.example"])";
  const std::string label(64, 'a');
  std::string long_name = "a";
  while (long_name.size() < 254) long_name += ".a";
  expect_each({
      {kHost,
       R"([")" + label + R"(.acme.example"])",
       {"acme.json:9:55: error HOST-1: host '" + label +
        ".acme.example': has a label that is not 1 to 63 bytes long"}},
      {kHost,
       R"([")" + long_name + R"("])",
       {"acme.json:9:55: error HOST-1: host '" + quote_for_message(long_name) +
        "': is longer than 253 bytes"}},
      {kHost,
       R"(["{sub.acme.example"])",
       {"acme.json:9:55: error HOST-1: host '{sub.acme.example': has an unclosed brace"}},
      {kHost,
       "[]",
       {"acme.json:9:54: error FILE-3: a slot needs at least one host",
        "acme.json:10:23: error HOST-3: slots that choose together need lists of equal length"}},
  });
}

TEST(CheckDetails, OfAuthKinds) {
  const std::string query = R"({ "query": { "param_name": " " } })";
  expect_each({
      {R"("secrets": { "ACME_USER": "user", "ACME_PASSWORD": "password" }, "public": ["user"],)",
       R"("secrets": {},)",
       {"acme.json:14:5: error AUTH-3: an auth kind needs a secret",
        "acme.json:15:17: error AUTH-3: no secret fills the placeholder 'password'",
        "acme.json:15:17: error AUTH-3: no secret fills the placeholder 'user'"}},
      {kHeader, query, {"acme.json:13:44: error AUTH-6: a query parameter needs a name"}},
      {kHeader,
       R"({ "o_auth2": { "grant_type": "client_credentials", "client_auth": "none", "endpoint": "m" } })",
       {"acme.json:13:83: error AUTH-8: the grant needs a client that shows who it is"}},
      {kHeader,
       R"({ "o_auth2": { "endpoint": "m", "scopes": ["read", "write all"] } })",
       {"acme.json:13:68: error AUTH-8: a scope holds no blanks"}},
      {R"("username_template": "{{user}}", "password_template": "{{password}}")",
       R"("username_template": "a", "password_template": "b")",
       {"acme.json:15:28: error AUTH-7: basic needs a placeholder in one of its templates"}},
      {R"("priority": 40, "secrets": { "ACME_KEY": "secret" })",
       R"("priority": 40, "secrets": { "ACME_KEY": "secret", "ACME_USER": "user" })",
       {"acme.json:16:5: error AUTH-3: a path kind has exactly one secret",
        "acme.json:16:107: error AUTH-3: secret ACME_USER is used by no template"}},
  });
}

TEST(CheckDetails, OfTokenEndpoints) {
  expect_each({
      {R"("together": ["api", "files"],)",
       R"("token_endpoints": { "main": { "token": "https://login.acme.example/token?a=b" } },)",
       {"acme.json:10:24: error TOKEN-2: token endpoint 'main' is used by no auth kind",
        "acme.json:10:43: error TOKEN-1: 'https://login.acme.example/token?a=b' holds a query or a "
        "fragment"}},
      {R"("together": ["api", "files"],)",
       R"("token_endpoints": { "main": { "token": "https://login.acme.example:8443/token" } },)",
       {"acme.json:10:24: error TOKEN-2: token endpoint 'main' is used by no auth kind",
        "acme.json:10:43: error TOKEN-1: 'https://login.acme.example:8443/token' must not name a "
        "port"}},
  });
}

TEST(CheckDetails, OfPaths) {
  constexpr std::string_view kPath = R"(["/live"])";
  const auto fault = [&](const std::string& path, const std::string& text) {
    return Fault{kPath,
                 R"([")" + path + R"("])",
                 {"acme.json:32:50: error PATH-1: path '" + path + "' " + text}};
  };
  expect_each({
      fault("/{id", "has an unclosed placeholder"),
      fault("/{ID}", "has a placeholder with an invalid name"),
      fault("/x{id}", "has a placeholder that is not a whole segment"),
      fault("/a$/b", "has a '$' that is not at its end"),
      {R"(["/v1/tickets/search$"])",
       R"(["/v1/tickets/search?=a"])",
       {"acme.json:40:70: error PATH-1: path '/v1/tickets/search?=a' has an invalid query key"}},
      {R"(["/v1/tickets/search$"])",
       R"(["/v1/tickets/search?a=b||c"])",
       {"acme.json:40:70: error PATH-1: path '/v1/tickets/search?a=b||c' has an invalid query "
        "value"}},
  });
}

TEST(CheckDetails, OfCapabilities) {
  expect_each({
      {R"("allow": [ { "methods": ["GET"], "paths": ["/live"] } ],)",
       R"("allow": [],)",
       {"acme.json:31:5: error CAP-2: a capability allows something",
        "acme.json:31:5: error CAP-5: 'websocket' needs the method GET or WS",
        "acme.json:33:18: error CAP-4: the example is not a call that this capability allows"}},
      {R"json(],
      "example": { "method": "GET", "path": "/live" } })json",
       "] }",
       {"acme.json:31:5: error CAP-4: an example is missing"}},
      {R"("body_class": "graphql")",
       R"("body_class": "json")",
       {"acme.json:28:73: error CAP-3: the class is declared as destructive but is write",
        "acme.json:28:117: error FILE-3: 'body_class' must be graphql"}},
      {R"("id": "acme/notes")",
       R"("id": "acme/a-notes")",
       {"acme.json:34:13: error FILE-7: capabilities must be sorted by id",
        "acme.json:37:110: error SET-1: 'overlaps' names no capability: 'acme/notes'",
        "acme.json:38:68: error SET-1: 'acme/tickets' overlaps 'acme/a-notes': GET /v1/tickets "
        "and /v1/tickets/{id}/notes"}},
      {R"("acme/issues": "acme/tickets")",
       R"("acme/issues": 1)",
       {"acme.json:43:31: error FILE-3: an alias maps to a capability id, a string"}},
  });
}

}  // namespace
}  // namespace aivault::registry
