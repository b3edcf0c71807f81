#include "policy/read_only.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "registry/registry.h"

namespace aivault::policy {
namespace {

using enum registry::CallClass;

http::Target target(const char* path) { return http::parse_target(path).value(); }

bool reads(const registry::Capability& capability, const char* method, const char* path) {
  const auto checked = check_read_only(capability, method, target(path));
  if (!checked) EXPECT_EQ(checked.error().reason, "agent_read_only");
  return checked.has_value();
}

TEST(ReadOnly, JudgesAnOwnCapabilityByItsMethod) {
  registry::Capability own;
  own.form = registry::PathForm::prefix;
  for (const char* method : {"GET", "HEAD", "OPTIONS", "get"}) {
    EXPECT_TRUE(reads(own, method, "/v1/x")) << method;
  }
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "QUERY", "WS"}) {
    EXPECT_FALSE(reads(own, method, "/v1/x")) << method;
  }
}

TEST(ReadOnly, JudgesARegistryCapabilityByItsClass) {
  const auto* models = registry::find_capability("openai/models");
  ASSERT_NE(models, nullptr);
  EXPECT_TRUE(reads(*models, "GET", "/v1/models"));
  const auto* chat = registry::find_capability("openai/chat-completions");
  ASSERT_NE(chat, nullptr);
  EXPECT_FALSE(reads(*chat, "POST", "/v1/chat/completions"));
  EXPECT_FALSE(reads(*chat, "WS", "/v1/chat/completions"));
}

registry::Capability graphql() {
  static constexpr std::array<registry::TextView, 1> kPost = {"POST"};
  static constexpr std::array<registry::TextView, 1> kPaths = {"/graphql$"};
  static const std::array<registry::Rule, 1> rules = {registry::Rule{kPost, kPaths}};
  registry::Capability made;
  made.graphql = true;
  made.allow = rules;
  return made;
}

TEST(ReadOnly, LeavesAGraphQlBodyToItsOwnJudgeButNoQueryInTheUrl) {
  EXPECT_TRUE(reads(graphql(), "POST", "/graphql"));
  EXPECT_FALSE(reads(graphql(), "POST", "/graphql?query=mutation{x}"));
  EXPECT_FALSE(reads(graphql(), "POST", "/graphql?a"));
}

std::string request(const std::string& query) { return R"({"query":")" + query + R"("})"; }

TEST(ReadOnly, TakesAGraphQlBodyForReadWhereEveryOperationIsAQuery) {
  for (const char* query : {
           "{ me { id } }",
           "query { me }",
           "query Q($a: [Int!] = [1, 2], $b: In = {x: {y: 1}}) @d(if: true) { me(a: $a) { ...F } }",
           "fragment F on User { name } query { me { ...F } }",
           "# mutation { x }\\nquery { me }",
           R"(query { me(text: \"mutation { x } } \\\" {\") })",
           R"(query { me(text: \"\"\"a \\\"\"\" } mutation { x }\"\"\") })",
           "query A { a } query B { b }",
           ",,{ a }",
       }) {
    EXPECT_EQ(class_of_graphql("application/json", request(query)), read) << query;
  }
  const auto* const full =
      R"({"query":"query A { a }","operationName":"A","variables":{"x":{"y":1}}})";
  EXPECT_EQ(class_of_graphql("Application/JSON ; charset=UTF-8", full), read);
}

TEST(ReadOnly, TakesEveryOtherGraphQlBodyForDestructive) {
  for (const char* query : {
           "",
           "mutation { x }",
           "subscription { x }",
           "query { a } mutation { x }",
           "{ a } mutation M { x }",
           "fragment F on User { name }",
           "query { a",
           "query { a } }",
           "query { a ( } ) { b }",
           "query { a(text: \\\"open) }",
           "query { a } ; mutation { x }",
           "schema { query: Q }",
           "extend type T { a: Int }",
           "QUERY { a }",
           "# \\u2028 mutation { x }\\n{ a }",
           "# \\u0001\\n{ a }",
           "{ a } \\u00a0",
       }) {
    EXPECT_EQ(class_of_graphql("application/json", request(query)), destructive) << query;
  }
  for (const char* body : {
           "",
           "{",
           "[]",
           R"([{"query":"{a}"}])",
           R"({"query":"{a}","query":"mutation{x}"})",
           R"({"query":"{a}","qu\u0065ry":"mutation{x}"})",
           R"({"query":"{a}","id":"stored"})",
           R"({"query":"{a}","extensions":{"persistedQuery":{"sha256Hash":"0"}}})",
           R"({"query":["{a}"]})",
           R"({"variables":{}})",
           R"({"query":"{a}","variables":"x"})",
       }) {
    EXPECT_EQ(class_of_graphql("application/json", body), destructive) << body;
  }
  for (const char* type : {"",
                           "application/graphql",
                           "text/plain",
                           "application/json; charset=utf-16",
                           "application/json; charset=utf-8; x=y",
                           "application/jsonx"}) {
    EXPECT_EQ(class_of_graphql(type, request("{ a }")), destructive) << type;
  }
}

}  // namespace
}  // namespace aivault::policy
