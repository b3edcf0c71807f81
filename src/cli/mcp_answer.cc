#include "cli/mcp_answer.h"

#include <utility>

#include "base/encoding.h"
#include "base/text.h"
#include "json/parse.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

using json::Value;

constexpr int kBadRequest = 400;
constexpr json::Limits kLimits{.bytes = kMaxMcpBody,
                               .depth = 256,
                               .keys = 1'000'000,
                               .values = 2'000'000,
                               .duplicates = json::Duplicates::kept};

Value text_content(std::string_view text) {
  return Value::object({{"type", "text"}, {"text", text}});
}

Value result_of(Value content, bool is_error) {
  auto list = Value::array();
  list.push(std::move(content));
  auto result = Value::object({{"content", std::move(list)}});
  if (is_error) result.set("isError", true);
  return result;
}

// What is no text: a picture or a sound as such, else the bytes as a resource of their own.
Value bytes_content(const http::ResponseHead& head,
                    const std::string& type,
                    const std::string& body) {
  const auto data = base64(bytes_of(body));
  const auto kind = type.substr(0, type.find('/'));
  if (kind == "image" || kind == "audio") {
    return Value::object({{"type", kind}, {"data", data}, {"mimeType", type}});
  }
  const auto* id = http::find(head.headers, protocol::kRequestId);
  auto resource = Value::object({{"uri", "aivault://response/" + (id != nullptr ? *id : "")},
                                 {"mimeType", type},
                                 {"blob", data}});
  return Value::object({{"type", "resource"}, {"resource", std::move(resource)}});
}

}  // namespace

Value tool_result(const http::ResponseHead& head, const std::string& body) {
  const bool is_error = head.status >= kBadRequest;
  const auto* header = http::find(head.headers, "content-type");
  const auto written = header == nullptr ? std::string() : *header;
  auto type = to_lower(trim(std::string_view(written).substr(0, written.find(';'))));
  if (type.empty()) type = "application/octet-stream";
  if (!is_valid_utf8(body) || type.starts_with("image/") || type.starts_with("audio/")) {
    return result_of(bytes_content(head, type, body), is_error);
  }
  auto result = result_of(text_content(body), is_error);
  auto document = json::parse(body, kLimits);
  if (!document) return result;
  result.set("structuredContent",
             Value::object({{"json", *std::move(document)}, {"status", head.status}}));
  return result;
}

Value tool_refusal(const Error& error) {
  auto result = result_of(text_content(error.message), true);
  const auto name = std::string(text_name(error.code)) + ": ";
  const std::string_view text = error.message;
  auto object =
      Value::object({{"error", to_string(error.code)},
                     {"message", text.starts_with(name) ? text.substr(name.size()) : text}});
  // Reasons of our own connection are no daemon's.
  if (!error.reason.empty() && !error.reason.starts_with("client:")) {
    object.set("reason", error.reason);
  }
  result.set("structuredContent", std::move(object));
  return result;
}

Value tool_too_large(std::uint64_t bytes) {
  return result_of(text_content("response too large for MCP (" + std::to_string(bytes) + " bytes)"),
                   true);
}

}  // namespace aivault::cli
