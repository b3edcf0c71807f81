#include "catalog/policy_row.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "json/parse.h"
#include "json/write.h"

namespace aivault::catalog {
namespace {

using json::Kind;
using json::Value;
using policy::Limits;
using policy::ScrubRule;

constexpr std::string_view kRate = "rateLimitPerMinute";
constexpr std::string_view kMaxRequest = "maxRequestBodyBytes";
constexpr std::string_view kMaxResponse = "maxResponseBodyBytes";
constexpr std::string_view kBlocklist = "responseBodyBlocklist";
constexpr std::string_view kApproval = "requireApproval";
constexpr std::string_view kApprovalTimeout = "approvalTimeoutMs";
constexpr std::string_view kScrub = "scrub";
constexpr std::array<std::string_view, 7> kKeys = {
    kRate, kMaxRequest, kMaxResponse, kBlocklist, kApproval, kApprovalTimeout, kScrub};

constexpr std::size_t kMaxEntries = 256;
constexpr std::size_t kMaxEntry = 1024;  // Bytes.

tl::unexpected<Error> invalid(std::string_view key, std::string_view what) {
  return invalid_request("record_invalid",
                         "'" + std::string(key) + "' must be " + std::string(what));
}

const Value* find(const Value& object, std::string_view key) {
  const auto* found = object.find(key);
  return found != nullptr && found->is(Kind::null) ? nullptr : found;
}

Result<std::optional<std::int64_t>> number_in(const Value& object, std::string_view key) {
  const auto* found = find(object, key);
  if (found == nullptr) return std::optional<std::int64_t>();
  const auto number = found->is(Kind::number) ? found->integer() : std::nullopt;
  if (!number || *number < 0) return invalid(key, "an integer from 0");
  return number;
}

Result<std::vector<std::string>> blocklist_in(const Value& object) {
  std::vector<std::string> entries;
  const auto* found = find(object, kBlocklist);
  if (found == nullptr) return entries;
  if (!found->is(Kind::array)) return invalid(kBlocklist, "a list of texts");
  for (const auto& item : found->items()) {
    if (!item.is(Kind::string)) return invalid(kBlocklist, "a list of texts");
    const auto entry = trim(item.text());
    if (entry.size() > kMaxEntry) return invalid(kBlocklist, "texts of at most 1024 bytes");
    if (!entry.empty()) entries.emplace_back(entry);
  }
  if (entries.size() > kMaxEntries) return invalid(kBlocklist, "at most 256 texts");
  return entries;
}

Result<std::optional<ScrubRule>> scrub_in(const Value& object) {
  const auto* found = find(object, kScrub);
  if (found == nullptr) return std::optional<ScrubRule>();
  const std::string_view text = found->is(Kind::string) ? found->text() : std::string_view();
  if (text == "auto") return std::optional<ScrubRule>();
  if (text == "all") return std::optional(ScrubRule::all);
  if (text == "off") return std::optional(ScrubRule::off);
  return invalid(kScrub, "auto, all or off");
}

Result<bool> flag_in(const Value& object, std::string_view key) {
  const auto* found = find(object, key);
  if (found == nullptr) return false;
  if (!found->is(Kind::boolean)) return invalid(key, "true or false");
  return found->boolean();
}

Value texts(const std::vector<std::string>& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

// What is written only where it is set.
void add_rest(const Limits& limits, Value& object) {
  if (limits.require_approval) object.set(kApproval, true);
  if (limits.approval_timeout_ms) object.set(kApprovalTimeout, *limits.approval_timeout_ms);
  if (limits.scrub == ScrubRule::all) object.set(kScrub, "all");
  if (limits.scrub == ScrubRule::off) object.set(kScrub, "off");
}

}  // namespace

Result<Limits> parse_limits(const Value& object) {
  if (!object.is(Kind::object)) return invalid("policy", "an object");
  for (const auto& member : object.members()) {
    if (std::ranges::find(kKeys, std::string_view(member.key)) == kKeys.end()) {
      return invalid_request("record_invalid",
                             "unknown key '" + quote_for_message(member.key, 64) + "' of a policy");
    }
  }
  Limits limits;
  TRY_ASSIGN(limits.rate_per_minute, number_in(object, kRate));
  TRY_ASSIGN(limits.max_request_bytes, number_in(object, kMaxRequest));
  TRY_ASSIGN(limits.max_response_bytes, number_in(object, kMaxResponse));
  TRY_ASSIGN(limits.blocklist, blocklist_in(object));
  TRY_ASSIGN(limits.require_approval, flag_in(object, kApproval));
  TRY_ASSIGN(limits.approval_timeout_ms, number_in(object, kApprovalTimeout));
  TRY_ASSIGN(limits.scrub, scrub_in(object));
  const auto timeout = limits.approval_timeout_ms.value_or(1);
  if (timeout < 1 || timeout > policy::kMaxApprovalMs) {
    return invalid(kApprovalTimeout, "1 to 3600000");
  }
  return limits;
}

Result<Limits> parse_policy_body(std::string_view body) {
  TRY_ASSIGN(const auto object, json::parse(body));
  return parse_limits(object);
}

std::string body_of(const Limits& limits) {
  Value body = Value::object();
  const auto add = [&body](std::string_view key, const std::optional<std::int64_t>& number) {
    if (number) body.set(key, *number);
  };
  add(kRate, limits.rate_per_minute);
  add(kMaxRequest, limits.max_request_bytes);
  add(kMaxResponse, limits.max_response_bytes);
  if (!limits.blocklist.empty()) body.set(kBlocklist, texts(limits.blocklist));
  add_rest(limits, body);
  return json::compact(body);
}

Value to_json(std::string_view capability, const Limits& limits) {
  Value policy = Value::object({{kRate, limits.rate_per_minute},
                                {kMaxRequest, limits.max_request_bytes},
                                {kMaxResponse, limits.max_response_bytes},
                                {kBlocklist, texts(limits.blocklist)}});
  add_rest(limits, policy);
  return Value::object({{"capabilityId", capability}, {"policy", std::move(policy)}});
}

}  // namespace aivault::catalog
