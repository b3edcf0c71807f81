#include "cli/mcp_tools.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/encoding.h"
#include "base/text.h"
#include "cli/mcp_message.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kCutName = 55;
constexpr std::size_t kMaxDescription = 1024;

std::string text_of(const Value& object, std::string_view key) {
  const auto* value = member(object, key, Kind::string);
  return value == nullptr ? std::string() : std::string(value->text());
}

std::vector<std::string> texts_of(const Value& object, std::string_view key) {
  std::vector<std::string> texts;
  const auto* list = member(object, key, Kind::array);
  if (list == nullptr) return texts;
  for (const auto& item : list->items()) texts.emplace_back(item.text());
  return texts;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

std::string plain_name(std::string_view id) {
  std::string name;
  for (const char c : id) {
    const bool is_kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c == '/') {
      name += "__";
    } else {
      name += is_kept ? c : '_';
    }
  }
  return name;
}

// FNV-1a: two ids that look alike get names that do not.
std::string digits_of(std::string_view id) {
  constexpr std::uint32_t kBasis = 2166136261U;
  constexpr std::uint32_t kPrime = 16777619U;
  auto hash = kBasis;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  std::array<std::byte, sizeof hash> bytes{};
  for (auto& byte : bytes) {
    byte = static_cast<std::byte>(hash >> 24U);
    hash <<= 8U;
  }
  return hex(bytes);
}

std::string unique_name(std::string_view id, const std::map<std::string, int>& uses) {
  auto name = plain_name(id);
  if (name.size() <= kMaxName && uses.at(name) == 1) return name;
  name.resize(std::min(name.size(), kCutName));
  return name + '_' + digits_of(id);
}

std::string description_of(const Value& entry, const Value& allow) {
  auto text = text_of(entry, "summary");
  const auto add = [&text](std::string_view what, const std::vector<std::string>& values) {
    if (values.empty()) return;
    if (!text.empty()) text += text.ends_with('.') ? " " : ". ";
    text.append(what).append(": ").append(joined(values));
  };
  add("Methods", texts_of(allow, "methods"));
  add("Paths begin with", texts_of(allow, "pathPrefixes"));
  add("Host", texts_of(allow, "hosts"));
  if (text.size() <= kMaxDescription) return text;
  text.resize(kMaxDescription - 3);
  while (!is_valid_utf8(text)) text.pop_back();
  return text + "...";
}

Value property(std::string_view type, std::string_view description) {
  return Value::object({{"type", type}, {"description", description}});
}

Value schema_of(const Value& allow) {
  auto methods = Value::array();
  const auto known = texts_of(allow, "methods");
  for (const auto& method : known) methods.push(method);
  const auto text_or_list = Value::array(
      {Value::object({{"type", "string"}}),
       Value::object({{"type", "array"}, {"items", Value::object({{"type", "string"}})}})});
  auto query = property("object", "Query parameters");
  query.set("additionalProperties", Value::object({{"anyOf", text_or_list}}));
  auto headers = property("object", "Request headers, without credentials");
  headers.set("additionalProperties", Value::object({{"type", "string"}}));
  const auto body =
      Value::object({{"description", "Body: text, or JSON that is sent as application/json"}});
  auto method = property("string", "HTTP method");
  method.set("enum", std::move(methods));
  auto timeout = property("integer", "Time for the whole call in milliseconds");
  timeout.set("minimum", 1);
  auto properties = Value::object({{"method", std::move(method)},
                                   {"path", property("string", "Path below the host")},
                                   {"query", std::move(query)},
                                   {"headers", std::move(headers)},
                                   {"body", body},
                                   {"timeoutMs", std::move(timeout)}});
  auto required = Value::array();
  if (known.size() != 1) required.push("method");
  if (texts_of(allow, "pathPrefixes").size() != 1) required.push("path");
  return Value::object({{"type", "object"},
                        {"properties", std::move(properties)},
                        {"required", std::move(required)},
                        {"additionalProperties", false}});
}

Value definition_of(const Value& entry, const std::string& id, const std::string& name) {
  const Value none = Value::object();
  const auto* found = member(entry, "allow", Kind::object);
  const auto& allow = found != nullptr ? *found : none;
  const auto kind = text_of(entry, "class");
  const auto annotations = Value::object({{"title", id},
                                          {"readOnlyHint", kind == "read"},
                                          {"destructiveHint", kind == "destructive"},
                                          {"openWorldHint", true}});
  return Value::object({{"name", name},
                        {"title", id},
                        {"description", description_of(entry, allow)},
                        {"inputSchema", schema_of(allow)},
                        {"annotations", annotations}});
}

tl::unexpected<Error> wrong(std::string what) { return invalid_request("", std::move(what)); }

Result<std::string> with_query(std::string path, const Value& query) {
  char separator = path.find('?') == std::string::npos ? '?' : '&';
  const auto add = [&](std::string_view name, const Value& value) -> Result<void> {
    if (value.is(Kind::object) || value.is(Kind::array) || value.is(Kind::null)) {
      return wrong("'query' holds texts and lists of texts");
    }
    const auto text = value.is(Kind::boolean) ? std::string_view(value.boolean() ? "true" : "false")
                                              : value.text();
    path += std::exchange(separator, '&') + percent_encode(name) + '=' + percent_encode(text);
    return {};
  };
  for (const auto& [name, value, line, column] : query.members()) {
    if (!value.is(Kind::array)) TRY(add(name, value));
    for (const auto& item : value.items()) TRY(add(name, item));
  }
  return path;
}

Result<Value> headers_of(const Value& headers) {
  auto list = Value::array();
  for (const auto& [name, value, line, column] : headers.members()) {
    if (!value.is(Kind::string)) return wrong("'headers' holds texts");
    list.push(Value::object({{"name", std::string_view(name)}, {"value", value}}));
  }
  return list;
}

bool names_content_type(const Value& headers) {
  return std::ranges::any_of(headers.items(), [](const Value& header) {
    return equals_ignore_case(text_of(header, "name"), "content-type");
  });
}

// What the schema says of each argument; a model's mistake gets a sentence that helps it.
Result<void> check_kinds(const Value& arguments) {
  struct Known {
    std::string_view name;
    Kind kind;
  };
  constexpr std::array<Known, 5> kKnown = {{{"method", Kind::string},
                                            {"path", Kind::string},
                                            {"query", Kind::object},
                                            {"headers", Kind::object},
                                            {"timeoutMs", Kind::number}}};
  for (const auto& argument : arguments.members()) {
    if (argument.key == "body") continue;
    const auto* known = std::ranges::find(kKnown, std::string_view(argument.key), &Known::name);
    if (known == kKnown.end()) {
      return wrong("unknown argument '" + quote_for_message(argument.key) + "'");
    }
    if (!argument.value.is(known->kind)) {
      return wrong("argument '" + std::string(known->name) + "' is of the wrong type");
    }
  }
  return {};
}

}  // namespace

bool fits_grant(std::string_view pattern, std::string_view capability) {
  if (!pattern.ends_with('*')) return pattern == capability;
  return capability.starts_with(pattern.substr(0, pattern.size() - 1));
}

McpTools McpTools::of(const Value& capabilities, const std::vector<std::string>& allowed) {
  McpTools tools;
  const auto* list = member(capabilities, "capabilities", Kind::array);
  if (list == nullptr) return tools;
  std::map<std::string, int> uses;
  for (const auto& entry : list->items()) ++uses[plain_name(text_of(entry, "id"))];
  for (const auto& entry : list->items()) {
    const auto id = text_of(entry, "id");
    const bool is_offered = allowed.empty() || std::ranges::any_of(allowed, [&](const auto& one) {
                              return fits_grant(one, id);
                            });
    if (!is_offered) continue;
    const auto name = unique_name(id, uses);
    tools.tools_.push_back({name, id, definition_of(entry, id, name)});
    tools.text_ += json::compact(tools.tools_.back().definition);
  }
  return tools;
}

const McpTool* McpTools::find(std::string_view name) const {
  const auto found = std::ranges::find(tools_, name, &McpTool::name);
  return found == tools_.end() ? nullptr : &*found;
}

Result<McpCall> call_of(const McpTool& tool,
                        const Value& arguments,
                        const std::optional<std::string>& credential) {
  TRY(check_kinds(arguments));
  McpCall call;
  auto request = Value::object();
  if (const auto* method = arguments.find("method")) request.set("method", *method);
  const auto* query = arguments.find("query");
  if (const auto* path = arguments.find("path")) {
    std::string target(path->text());
    if (query != nullptr) {
      TRY_ASSIGN(target, with_query(std::move(target), *query));
    }
    request.set("path", target);
  } else if (query != nullptr && !query->members().empty()) {
    return wrong("'query' needs a 'path'");
  }
  auto headers = Value::array();
  if (const auto* given = arguments.find("headers")) {
    TRY_ASSIGN(headers, headers_of(*given));
  }
  if (const auto* body = arguments.find("body"); body != nullptr && !body->is(Kind::null)) {
    const bool is_text = body->is(Kind::string);
    request.set("body", is_text ? Value(body->text()) : Value(json::compact(*body)));
    if (!is_text && !names_content_type(headers)) {
      headers.push(Value::object({{"name", "content-type"}, {"value", "application/json"}}));
    }
  }
  request.set("headers", std::move(headers));
  if (const auto* timeout = arguments.find("timeoutMs")) {
    call.timeout_ms = timeout->integer();
    if (!call.timeout_ms || *call.timeout_ms < 1) return wrong("'timeoutMs' is at least 1");
  }
  call.envelope = Value::object({{"capability", tool.capability}});
  if (credential) call.envelope.set("credential", *credential);
  call.envelope.set("request", std::move(request));
  return call;
}

}  // namespace aivault::cli
