#include "format1/fields.h"

#include "base/encoding.h"
#include "base/text.h"
#include "format1/source.h"

namespace aivault::format1 {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t kMaxKeys = 1'000'000;
constexpr std::size_t kMaxValues = 1'500'000;
constexpr std::int64_t kMaxMs = 253'402'300'799'999;  // The last millisecond of the year 9999.

const Value* find(const Value& object, std::string_view key) {
  const auto* found = object.find(key);
  return found == nullptr || found->is(Kind::null) ? nullptr : found;
}

}  // namespace

json::Limits file_limits() {
  json::Limits limits;
  limits.bytes = kMaxFileBytes;
  limits.keys = kMaxKeys;
  limits.values = kMaxValues;
  return limits;
}

tl::unexpected<Error> malformed(std::string_view key) {
  return invalid_request("record_invalid", "malformed '" + quote_for_message(key) + "'");
}

Result<std::optional<std::string>> text_in(const Value& object, std::string_view key) {
  const auto* found = find(object, key);
  if (found == nullptr) return std::optional<std::string>();
  if (!found->is(Kind::string)) return malformed(key);
  return std::optional(std::string(found->text()));
}

Result<std::optional<std::int64_t>> integer_in(const Value& object, std::string_view key) {
  const auto* found = find(object, key);
  if (found == nullptr) return std::optional<std::int64_t>();
  const auto number = found->is(Kind::number) ? found->integer() : std::nullopt;
  if (!number) return malformed(key);
  return number;
}

Result<std::optional<UnixMs>> time_in(const Value& object, std::string_view key) {
  TRY_ASSIGN(const auto number, integer_in(object, key));
  if (!number) return std::optional<UnixMs>();
  if (*number < 0 || *number > kMaxMs) return malformed(key);
  return std::optional(from_int(*number));
}

Result<std::vector<std::string>> texts_in(const Value& object, std::string_view key) {
  std::vector<std::string> texts;
  const auto* found = find(object, key);
  if (found == nullptr) return texts;
  if (!found->is(Kind::array)) return malformed(key);
  for (const auto& item : found->items()) {
    if (!item.is(Kind::string)) return malformed(key);
    texts.emplace_back(item.text());
  }
  return texts;
}

Result<bool> flag_in(const Value& object, std::string_view key) {
  const auto* found = find(object, key);
  if (found == nullptr) return false;
  if (!found->is(Kind::boolean)) return malformed(key);
  return found->boolean();
}

Result<std::vector<const Value*>> objects_in(const Value& object, std::string_view key) {
  std::vector<const Value*> objects;
  const auto* found = find(object, key);
  if (found == nullptr) return objects;
  if (!found->is(Kind::array)) return malformed(key);
  for (const auto& item : found->items()) objects.push_back(&item);
  return objects;
}

Result<std::string> needed_text(const Value& object, std::string_view key) {
  TRY_ASSIGN(auto text, text_in(object, key));
  if (!text) return malformed(key);
  return *std::move(text);
}

Result<UnixMs> needed_time(const Value& object, std::string_view key) {
  TRY_ASSIGN(const auto time, time_in(object, key));
  if (!time) return malformed(key);
  return *time;
}

Result<std::string> needed_bytes(const Value& object, std::string_view key, std::size_t size) {
  TRY_ASSIGN(const auto text, needed_text(object, key));
  auto bytes = from_base64(text);
  if (!bytes || bytes->size() != size) return malformed(key);
  return *std::move(bytes);
}

}  // namespace aivault::format1
