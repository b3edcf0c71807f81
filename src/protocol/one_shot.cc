#include "protocol/one_shot.h"

#include <utility>

#include "base/encoding.h"
#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"
#include "protocol/error_body.h"
#include "protocol/headers.h"

namespace aivault::protocol {
namespace {

using json::Kind;
using json::Value;

constexpr std::string_view kStreamOp = "execute_envelope_stream";
constexpr std::string_view kOwnHeaders = "x-aivault-";

auto invalid(std::string_view what) {
  return invalid_request("envelope_json", "invalid request JSON: " + std::string(what));
}

Result<std::string> text_or_empty(const Value& object, std::string_view key) {
  const auto* value = object.find(key);
  if (value == nullptr || value->is(Kind::null)) return std::string();
  if (!value->is(Kind::string)) return invalid("'" + std::string(key) + "' is no text");
  return std::string(value->text());
}

Result<std::optional<std::int64_t>> read_timeout(const Value& object) {
  const auto* value = object.find("timeoutMs");
  if (value == nullptr || value->is(Kind::null)) return std::optional<std::int64_t>();
  auto number = value->integer();
  if (!number) return invalid("'timeoutMs' is no whole number");
  return number;
}

Result<Value> parse_object(std::string_view text) {
  json::Limits limits;
  limits.bytes = kMaxOneShot;
  ++limits.depth;  // The envelope is one level down.
  auto parsed = json::parse(text, limits);
  if (!parsed) return invalid(parsed.error().message);
  if (!parsed->is(Kind::object)) return invalid("it is no object");
  return parsed;
}

std::string own_header(const http::Headers& headers, std::string_view name) {
  const auto* value = http::find(headers, name);
  return value == nullptr ? std::string() : *value;
}

}  // namespace

Result<OneShot> parse_one_shot(std::string_view text) {
  TRY_ASSIGN(const auto request, parse_object(text));
  OneShot parsed;
  TRY_ASSIGN(const auto op, text_or_empty(request, "op"));
  parsed.streams = op == kStreamOp;
  if (!parsed.streams && op != "execute_envelope") return invalid("'op' is not known");
  const auto* envelope = request.find("envelope");
  if (envelope == nullptr) return invalid("'envelope' is missing");
  const auto* capability = envelope->find("capability");
  parsed.is_health = capability != nullptr && capability->text() == kHealthCapability;
  if (parsed.is_health && !parsed.streams) return parsed;
  const auto* client_ip = request.find("client_ip");
  if (client_ip == nullptr || !client_ip->is(Kind::string))
    return invalid("'client_ip' is missing");
  parsed.client_ip = client_ip->text();
  TRY_ASSIGN(parsed.workspace, text_or_empty(request, "workspace_id"));
  TRY_ASSIGN(parsed.group, text_or_empty(request, "group_id"));
  TRY_ASSIGN(parsed.timeout_ms, read_timeout(request));
  TRY_ASSIGN(parsed.envelope, parse_envelope(json::compact(*envelope), Completion::refuse_missing));
  return parsed;
}

std::string one_shot_failure(const Error& error) {
  // Who cannot write JSON is told so without the words of an envelope.
  const bool is_syntax = error.message.starts_with("invalid request JSON");
  auto answer = Value::object();
  answer.set("ok", false).set("error", is_syntax ? error.message : to_text(error));
  return json::compact(answer);
}

std::string one_shot_failure(const OneShot& request, const Error& error) {
  if (!request.streams) return one_shot_failure(error);
  auto line = Value::object();
  line.set("type", "error").set("error", to_text(error));
  return json::compact(line) + '\n';
}

std::string one_shot_health() {
  return R"({"ok":true,"value":{"capability":"__aivault/health","ok":true}})";
}

OneShotFrame one_shot_frame(int status, const http::Headers& headers) {
  auto planned = Value::object();
  planned.set("capability", own_header(headers, kCapability))
      .set("credential", own_header(headers, kCredential))
      .set("method", own_header(headers, kMethod))
      .set("url", own_header(headers, kUrl));
  auto listed = Value::array();
  for (const auto& header : headers) {
    if (header.name.starts_with(kOwnHeaders)) continue;
    listed.push(Value::object({{"name", header.name}, {"value", header.value}}));
  }
  OneShotFrame frame;
  frame.before =
      R"({"ok":true,"value":{"planned":)" + json::compact(planned) + R"(,"response":{"bodyB64":")";
  frame.between = R"(","bodyUtf8":)";
  frame.after =
      R"(,"headers":)" + json::compact(listed) + R"(,"status":)" + std::to_string(status) + "}}}";
  return frame;
}

std::string one_shot_chunk(std::string_view body) {
  return R"({"type":"chunk","bodyB64":")" + base64(bytes_of(body)) + "\"}\n";
}

std::string one_shot_end() { return "{\"type\":\"end\"}\n"; }

}  // namespace aivault::protocol
