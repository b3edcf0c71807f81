#include "cli/mcp_message.h"

#include <utility>

#include "json/parse.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

using json::Kind;
using json::Value;

constexpr json::Limits kLimits{
    .bytes = kMaxMcpMessage, .depth = 64, .keys = 100'000, .values = 500'000};

Value envelope(const Value& id) { return Value::object({{"jsonrpc", "2.0"}, {"id", id}}); }

bool is_id(const Value& value) {
  return value.is(Kind::string) || (value.is(Kind::number) && value.integer().has_value());
}

}  // namespace

const Value* member(const Value& object, std::string_view key, Kind kind) {
  const auto* value = object.find(key);
  return value != nullptr && value->is(kind) ? value : nullptr;
}

tl::expected<std::optional<McpMessage>, McpFailure> parse_mcp(std::string_view line) {
  const auto refuse = [](McpCode code, std::string message, Value id = {}) {
    return tl::unexpected(McpFailure{code, std::move(message), std::move(id)});
  };
  auto parsed = json::parse(line, kLimits);
  if (!parsed) return refuse(McpCode::parse_error, "Parse error: " + parsed.error().message);
  if (parsed->is(Kind::array)) return refuse(McpCode::invalid_request, "batches are not supported");
  if (!parsed->is(Kind::object)) return refuse(McpCode::invalid_request, "a message is an object");
  const auto* id = parsed->find("id");
  if (id != nullptr && !is_id(*id)) {
    return refuse(McpCode::invalid_request, "'id' is a text or a whole number");
  }
  const auto known_id = id != nullptr ? *id : Value();
  const auto* version = member(*parsed, "jsonrpc", Kind::string);
  if (version == nullptr || version->text() != "2.0") {
    return refuse(McpCode::invalid_request, "'jsonrpc' must be \"2.0\"", known_id);
  }
  const auto* method = parsed->find("method");
  if (method == nullptr &&
      (parsed->find("result") != nullptr || parsed->find("error") != nullptr)) {
    return std::optional<McpMessage>();
  }
  if (method == nullptr || !method->is(Kind::string)) {
    return refuse(McpCode::invalid_request, "'method' is missing", known_id);
  }
  McpMessage message;
  if (id != nullptr) message.id = known_id;
  message.method = method->text();
  message.params = Value::object();
  if (const auto* params = parsed->find("params")) {
    if (!params->is(Kind::object)) {
      return refuse(McpCode::invalid_params, "'params' is an object", known_id);
    }
    message.params = *params;
  }
  return message;
}

std::string mcp_result(const Value& id, Value result) {
  return json::compact(envelope(id).set("result", std::move(result))) + '\n';
}

std::string mcp_error(const McpFailure& failure) {
  auto error = Value::object(
      {{"code", static_cast<int>(failure.code)}, {"message", std::string_view(failure.message)}});
  return json::compact(envelope(failure.id).set("error", std::move(error))) + '\n';
}

std::string mcp_notification(std::string_view method, std::optional<Value> params) {
  auto notification = Value::object({{"jsonrpc", "2.0"}, {"method", method}});
  if (params) notification.set("params", *std::move(params));
  return json::compact(notification) + '\n';
}

}  // namespace aivault::cli
