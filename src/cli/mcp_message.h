// McpMessage: one JSON-RPC 2.0 message of the Model Context Protocol, read strictly, and the texts
// that answer it. Pure.
// Source: JSON-RPC 2.0; modelcontextprotocol.io/specification/2025-06-18.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace aivault::cli {

constexpr std::size_t kMaxMcpMessage = std::size_t{8} << 20U;

enum class McpCode : int {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  internal_error = -32603,
  resource_not_found = -32002,
};

struct McpFailure {
  McpCode code;
  std::string message;
  json::Value id;  // Null where it could not be read.
};

struct McpMessage {
  std::optional<json::Value> id;  // Unset: a notification.
  std::string method;
  json::Value params;  // An object.
};

// nullopt: an answer to something that we never asked, which nobody answers.
tl::expected<std::optional<McpMessage>, McpFailure> parse_mcp(std::string_view line);

// Each is one line with its end.
std::string mcp_result(const json::Value& id, json::Value result);
std::string mcp_error(const McpFailure& failure);
std::string mcp_notification(std::string_view method,
                             std::optional<json::Value> params = std::nullopt);

// nullptr: absent, or of another kind.
const json::Value* member(const json::Value& object, std::string_view key, json::Kind kind);

}  // namespace aivault::cli
