#include "cli/mcp_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aivault::cli {
namespace {

TEST(McpMessage, ReadsRequestsAndNotifications) {
  const auto request = parse_mcp(R"({"jsonrpc":"2.0","id":7,"method":"ping"})");
  ASSERT_TRUE(request && *request);
  EXPECT_EQ((*request)->method, "ping");
  EXPECT_EQ((*request)->id->text(), "7");
  EXPECT_TRUE((*request)->params.is(json::Kind::object));
  const auto notification = parse_mcp(R"({"jsonrpc":"2.0","method":"x","params":{"a":1}})");
  ASSERT_TRUE(notification && *notification);
  EXPECT_FALSE((*notification)->id);
  const auto answer = parse_mcp(R"({"jsonrpc":"2.0","id":1,"result":{}})");
  ASSERT_TRUE(answer);
  EXPECT_FALSE(*answer);
}

TEST(McpMessage, SaysWhatIsWrongWithTheRightCode) {
  struct Case {
    const char* line;
    McpCode code;
    const char* id;
  };
  const std::vector<Case> cases{
      {"{", McpCode::parse_error, ""},
      {"nonsense", McpCode::parse_error, ""},
      {R"({"a":1,"a":2})", McpCode::parse_error, ""},
      {"[]", McpCode::invalid_request, ""},
      {R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])", McpCode::invalid_request, ""},
      {"7", McpCode::invalid_request, ""},
      {R"({"id":1,"method":"ping"})", McpCode::invalid_request, "1"},
      {R"({"jsonrpc":"1.0","id":1,"method":"ping"})", McpCode::invalid_request, "1"},
      {R"({"jsonrpc":"2.0","id":null,"method":"ping"})", McpCode::invalid_request, ""},
      {R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})", McpCode::invalid_request, ""},
      {R"({"jsonrpc":"2.0","id":{},"method":"ping"})", McpCode::invalid_request, ""},
      {R"({"jsonrpc":"2.0","id":"a"})", McpCode::invalid_request, "a"},
      {R"({"jsonrpc":"2.0","id":"a","method":5})", McpCode::invalid_request, "a"},
      {R"({"jsonrpc":"2.0","id":"a","method":"x","params":[]})", McpCode::invalid_params, "a"},
  };
  for (const auto& [line, code, id] : cases) {
    const auto parsed = parse_mcp(line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(parsed.error().code, code) << line;
    EXPECT_EQ(parsed.error().id.text(), id) << line;
  }
}

TEST(McpMessage, WritesOneLineEach) {
  EXPECT_EQ(mcp_result(json::Value(1), json::Value::object()),
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
  EXPECT_EQ(
      mcp_error({McpCode::method_not_found, "a\nb", {}}),
      "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32601,\"message\":\"a\\nb\"}}\n");
}

}  // namespace
}  // namespace aivault::cli
