#include "audit/event.h"

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "json/parse.h"
#include "json/write.h"

namespace aivault::audit {
namespace {

constexpr std::size_t kMaxField = 256;   // Bytes of one text.
constexpr std::size_t kHashDigits = 16;  // Of a text that was cut.
constexpr std::size_t kHeadHashDigits = 64;

// The members of an event in documented order: one list for writing and for reading.
template <typename EventType, typename Text, typename Number, typename Flag>
void before_seq(EventType& e, Text text, Number, Flag) {
  text("secretId", e.secret_id);
  text("scope", e.scope);
  text("actor", e.actor);
  text("capability", e.capability);
  text("consumer", e.consumer);
  text("note", e.note);
}
template <typename EventType, typename Text, typename Number, typename Flag>
void after_seq(EventType& e, Text text, Number number, Flag flag) {
  number("uid", e.uid);
  text("user", e.user);
  number("pid", e.pid);
  text("exe", e.exe);
  text("unit", e.unit);
  text("agent", e.agent);
  text("tokenId", e.token_id);
  text("credential", e.credential);
  text("method", e.method);
  text("path", e.path);
  text("host", e.host);
  text("outcome", e.outcome);
  text("code", e.code);
  text("reason", e.reason);
  number("status", e.status);
  number("requestBytes", e.request_bytes);
  number("responseBytes", e.response_bytes);
  number("durationMs", e.duration_ms);
  text("workspaceId", e.workspace_id);
  text("groupId", e.group_id);
  text("approvalId", e.approval_id);
  text("requestId", e.request_id);
  number("count", e.count);
  flag("late", e.late);
  flag("imported", e.imported);
}

// "secret.*" matches "secret.create"; anything else matches itself.
bool matches(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool has_kind(const Filter& filter, std::string_view kind) {
  return filter.kinds.empty() || std::ranges::any_of(filter.kinds, [&](const std::string& pattern) {
           return matches(pattern, kind);
         });
}

bool is_within(const Filter& filter, const Record& record) {
  const auto at = to_int(record.at);
  const auto is_set = [](const std::optional<std::int64_t>& bound) {
    return bound.value_or(0) > 0;
  };
  return (filter.below_seq <= 0 || record.seq < filter.below_seq) &&
         record.seq > filter.above_seq && (!is_set(filter.before_ms) || at < *filter.before_ms) &&
         (!is_set(filter.after_ms) || at > *filter.after_ms);
}

std::string cut(std::string_view text) {
  std::string kept = is_valid_utf8(text) ? std::string(text.substr(0, kMaxField))
                                         : quote_for_message(text, kMaxField / 4);
  if (text.size() <= kMaxField) return kept;
  while (!is_valid_utf8(kept)) kept.pop_back();  // Not within a character.
  const auto digest = hex(bytes_of(crypto::view(crypto::hash({text}))));
  return kept + "...#" + digest.substr(0, kHashDigits);
}

struct Writing {
  json::Value& object;
  void operator()(std::string_view key, const std::string& text) const {
    if (!text.empty()) object.set(key, cut(text));
  }
  template <typename Integer>
  void operator()(std::string_view key, const std::optional<Integer>& number) const {
    if (number) object.set(key, static_cast<std::int64_t>(*number));
  }
  void operator()(std::string_view key, bool flag) const {
    if (flag) object.set(key, true);
  }
};

struct Reading {
  const json::Value& object;
  void operator()(std::string_view key, std::string& text) const {
    const auto* found = object.find(key);
    if (found != nullptr && found->is(json::Kind::string)) text = found->text();
  }
  template <typename Integer>
  void operator()(std::string_view key, std::optional<Integer>& number) const {
    const auto* found = object.find(key);
    if (found == nullptr) return;
    if (const auto value = found->integer()) number = static_cast<Integer>(*value);
  }
  void operator()(std::string_view key, bool& flag) const {
    const auto* found = object.find(key);
    flag = found != nullptr && found->is(json::Kind::boolean) && found->boolean();
  }
};

}  // namespace

json::Value to_json(const Record& record) {
  auto object = json::Value::object();
  object.set("tsMs", to_int(record.at));
  object.set("kind", record.event.kind);
  const Writing write{object};
  before_seq(record.event, write, write, write);
  object.set("seq", record.seq);
  after_seq(record.event, write, write, write);
  if (!record.sealed) object.set("sealed", false);
  return object;
}

std::string to_body(const Event& event) {
  auto object = json::Value::object();
  const Writing write{object};
  before_seq(event, write, write, write);
  after_seq(event, write, write, write);
  return json::compact(object);
}

Event from_body(std::string kind, std::string_view body) {
  Event event;
  event.kind = std::move(kind);
  const auto parsed = json::parse(body);
  if (!parsed) return event;
  const Reading read{*parsed};
  before_seq(event, read, read, read);
  after_seq(event, read, read, read);
  return event;
}

bool accepts(const Filter& filter, const Record& record) {
  const auto& event = record.event;
  const auto equal = [](const std::string& wanted, const std::string& value) {
    return wanted.empty() || wanted == value;
  };
  return is_within(filter, record) && has_kind(filter, event.kind) &&
         (filter.capability.empty() || matches(filter.capability, event.capability)) &&
         equal(filter.credential, event.credential) && equal(filter.secret_id, event.secret_id) &&
         equal(filter.agent, event.agent) && equal(filter.outcome, event.outcome) &&
         (!filter.uid || filter.uid == event.uid);
}

Result<Head> parse_head(std::string_view text) {
  const auto malformed = [] {
    return invalid_request("record_invalid",
                           "--head must be SEQ:HASH, as `audit verify` prints them");
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return malformed();
  Head head;
  const auto digits = text.substr(0, colon);
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), head.seq);
  if (error != std::errc{} || stop != digits.data() + digits.size() || head.seq < 0)
    return malformed();
  head.hash = to_lower(text.substr(colon + 1));
  if (head.hash.size() != kHeadHashDigits || !from_hex(head.hash)) return malformed();
  return head;
}

}  // namespace aivault::audit
