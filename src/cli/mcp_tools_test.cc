#include "cli/mcp_tools.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/mcp_answer.h"
#include "json/parse.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

json::Value entry(const std::string& id,
                  const std::string& kind = "write",
                  const std::string& methods = R"("GET")",
                  const std::string& prefixes = R"("/v1/x")") {
  return *json::parse(R"({"id":")" + id + R"(","provider":"p","class":")" + kind +
                      R"(","summary":"Does it","allow":{"hosts":["h"],"methods":[)" + methods +
                      R"(],"pathPrefixes":[)" + prefixes + "]}}");
}

McpTools tools_of(std::vector<json::Value> entries, const std::vector<std::string>& allowed = {}) {
  return McpTools::of(
      json::Value::object({{"capabilities", json::Value::array(std::move(entries))}}), allowed);
}

std::string names(const McpTools& tools) {
  std::string all;
  for (const auto& tool : tools.all()) all += (all.empty() ? "" : " ") + tool.name;
  return all;
}

TEST(McpTools, AreNamedAsClientsAllow) {
  EXPECT_EQ(names(tools_of({entry("openai/chat-completions"), entry("my.api/x_y")})),
            "openai__chat-completions my_api__x_y");
  const auto alike = tools_of({entry("a.b/c"), entry("a,b/c"), entry("d/e")});
  EXPECT_EQ(alike.all()[2].name, "d__e");
  EXPECT_TRUE(alike.all()[0].name.starts_with("a_b__c_"));
  EXPECT_NE(alike.all()[0].name, alike.all()[1].name);
  const auto long_one = tools_of({entry("p/" + std::string(80, 'x'))});
  EXPECT_EQ(long_one.all()[0].name.size(), 64U);
}

TEST(McpTools, OfferOnlyWhatIsAllowed) {
  const std::vector<json::Value> all{entry("a/x"), entry("a/y"), entry("ab/z")};
  EXPECT_EQ(names(tools_of(all, {"a/*"})), "a__x a__y");
  EXPECT_EQ(names(tools_of(all, {"ab/z", "a/y"})), "a__y ab__z");
  EXPECT_EQ(names(tools_of(all, {"nothing"})), "");
  EXPECT_TRUE(tools_of(all) == tools_of(all));
  EXPECT_FALSE(tools_of(all) == tools_of(all, {"a/*"}));
}

TEST(McpTools, SayWhatTheyDoAndNeed) {
  const auto tools =
      tools_of({entry("a/read", "read"),
                entry("a/any", "destructive", R"("GET","DELETE")", R"("/v1","/v2")")});
  const auto& read = tools.all()[0].definition;
  EXPECT_TRUE(read.find("annotations")->find("readOnlyHint")->boolean());
  EXPECT_FALSE(read.find("annotations")->find("destructiveHint")->boolean());
  EXPECT_TRUE(read.find("inputSchema")->find("required")->items().empty());
  EXPECT_EQ(read.find("description")->text(),
            "Does it. Methods: GET. Paths begin with: /v1/x. Host: h");
  const auto& any = tools.all()[1].definition;
  EXPECT_TRUE(any.find("annotations")->find("destructiveHint")->boolean());
  EXPECT_EQ(json::compact(*any.find("inputSchema")->find("required")), R"(["method","path"])");
}

TEST(McpTools, MakeTheEnvelopeOfACall) {
  const auto tools = tools_of({entry("a/x")});
  const auto made = [&](const std::string& arguments) {
    const auto call = call_of(tools.all()[0], *json::parse(arguments), "main");
    return call ? json::compact(call->envelope) : "error: " + call.error().message;
  };
  EXPECT_EQ(made("{}"), R"({"capability":"a/x","credential":"main","request":{"headers":[]}})");
  EXPECT_EQ(
      made(
          R"({"method":"POST","path":"/v1/x?a=1","query":{"q":"ä b","l":["1","2"],"n":5},"body":{"k":1}})"),
      R"({"capability":"a/x","credential":"main","request":{"method":"POST","path":"/v1/x?a=1&q=%C3%A4%20b&l=1&l=2&n=5","body":"{\"k\":1}","headers":[{"name":"content-type","value":"application/json"}]}})");
  EXPECT_EQ(
      made(R"({"headers":{"Content-Type":"text/plain"},"body":"hi"})"),
      R"({"capability":"a/x","credential":"main","request":{"body":"hi","headers":[{"name":"Content-Type","value":"text/plain"}]}})");
  for (const auto* wrong : {R"({"url":"x"})",
                            R"({"method":5})",
                            R"({"query":{"a":"b"}})",
                            R"({"path":"/","query":{"a":{}}})",
                            R"({"headers":{"a":1}})",
                            R"({"timeoutMs":0})",
                            R"({"timeoutMs":1.5})"}) {
    EXPECT_TRUE(made(wrong).starts_with("error: ")) << wrong;
  }
}

TEST(McpAnswer, ShowsTextJsonAndBytes) {
  http::ResponseHead head;
  head.status = 200;
  head.headers = {{"content-type", "application/json; charset=utf-8"}};
  EXPECT_EQ(
      json::compact(tool_result(head, R"({"a":1.50})")),
      R"({"content":[{"type":"text","text":"{\"a\":1.50}"}],"structuredContent":{"json":{"a":1.50},"status":200}})");
  head.status = 404;
  head.headers = {{"content-type", "text/plain"}};
  EXPECT_EQ(json::compact(tool_result(head, "no")),
            R"({"content":[{"type":"text","text":"no"}],"isError":true})");
  head.status = 200;
  head.headers = {{"content-type", "image/png"}};
  EXPECT_EQ(json::compact(tool_result(head, "\xff")),
            R"({"content":[{"type":"image","data":"/w==","mimeType":"image/png"}]})");
  head.headers = {{"x-aivault-request-id", "r1"}};
  EXPECT_EQ(
      json::compact(tool_result(head, "\xff")),
      R"({"content":[{"type":"resource","resource":{"uri":"aivault://response/r1","mimeType":"application/octet-stream","blob":"/w=="}}]})");
  EXPECT_EQ(
      json::compact(tool_refusal(
          {ErrorCode::policy_violation, "agent_not_granted", "PolicyViolation: no", 0})),
      R"({"content":[{"type":"text","text":"PolicyViolation: no"}],"isError":true,"structuredContent":{"error":"policy_violation","message":"no","reason":"agent_not_granted"}})");
}

}  // namespace
}  // namespace aivault::cli
