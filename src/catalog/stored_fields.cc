#include "catalog/stored_fields.h"

#include <algorithm>

#include "base/text.h"
#include "json/parse.h"

namespace aivault::catalog {
namespace {

using json::Kind;
using json::Value;

tl::unexpected<Error> invalid(std::string_view key, std::string_view what) {
  return invalid_request("record_invalid",
                         "'" + quote_for_message(key, 64) + "' " + std::string(what));
}

}  // namespace

Result<StoredFields> StoredFields::open(std::string_view body, Keys known) {
  TRY_ASSIGN(auto object, json::parse(body));
  return of(std::move(object), known);
}

Result<StoredFields> StoredFields::of(Value object, Keys known) {
  if (!object.is(Kind::object)) return invalid("record", "must be an object");
  for (const auto& member : object.members()) {
    if (std::ranges::find(known, std::string_view(member.key)) == known.end()) {
      return invalid(member.key, "is not a known key");
    }
  }
  return StoredFields(std::move(object));
}

const Value* StoredFields::find(std::string_view key) const {
  const auto* found = object_.find(key);
  return found != nullptr && found->is(Kind::null) ? nullptr : found;
}

Result<std::string> StoredFields::text(std::string_view key) const {
  const auto* found = find(key);
  if (found == nullptr) return std::string();
  if (!found->is(Kind::string)) return invalid(key, "must be a text");
  return std::string(found->text());
}

Result<std::vector<std::string>> StoredFields::texts(std::string_view key) const {
  std::vector<std::string> list;
  const auto* found = find(key);
  if (found == nullptr) return list;
  if (!found->is(Kind::array)) return invalid(key, "must be a list of texts");
  for (const auto& item : found->items()) {
    if (!item.is(Kind::string)) return invalid(key, "must be a list of texts");
    list.emplace_back(item.text());
  }
  return list;
}

Result<std::optional<std::int64_t>> StoredFields::integer(std::string_view key) const {
  const auto* found = find(key);
  if (found == nullptr) return std::optional<std::int64_t>();
  const auto number = found->is(Kind::number) ? found->integer() : std::nullopt;
  if (!number || *number < 0) return invalid(key, "must be an integer from 0");
  return number;
}

Result<bool> StoredFields::flag(std::string_view key) const {
  const auto* found = find(key);
  if (found == nullptr) return false;
  if (!found->is(Kind::boolean)) return invalid(key, "must be true or false");
  return found->boolean();
}

}  // namespace aivault::catalog
