#include "admin/body.h"

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "base/text.h"
#include "json/secret_text.h"

namespace aivault::admin {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t kDefaultLimit = 200;
constexpr std::int64_t kMaxLimit = 1000;
constexpr std::size_t kMaxSecret = std::size_t{1} << 20U;

tl::unexpected<Error> must_be(std::string_view key, std::string_view what) {
  return invalid_request("record_invalid",
                         "'" + std::string(key) + "' must be " + std::string(what));
}

}  // namespace

Result<Body> Body::open(const Request& request, Keys known) {
  if (request.body == nullptr) return Body(nullptr);
  if (!request.body->is(Kind::object)) {
    return invalid_request("record_invalid", "the request body must be a JSON object");
  }
  for (const auto& member : request.body->members()) {
    if (std::ranges::find(known, std::string_view(member.key)) == known.end()) {
      return invalid_request("record_invalid",
                             "unknown key '" + quote_for_message(member.key) + "'");
    }
  }
  return Body(request.body);
}

const Value* Body::find(std::string_view key) const {
  return object_ == nullptr ? nullptr : object_->find(key);
}

bool Body::is_null(std::string_view key) const {
  const Value* found = find(key);
  return found != nullptr && found->is(Kind::null);
}

const Value* Body::value(std::string_view key) const {
  const Value* found = find(key);
  return found != nullptr && !found->is(Kind::null) ? found : nullptr;
}

Result<std::optional<std::string>> Body::text(std::string_view key) const {
  const Value* found = value(key);
  if (found == nullptr) return std::optional<std::string>();
  if (!found->is(Kind::string)) return must_be(key, "a string");
  return std::optional<std::string>(found->text());
}

Result<std::string> Body::text_or_empty(std::string_view key) const {
  TRY_ASSIGN(const auto found, text(key));
  return std::string(found ? trim(*found) : std::string_view());
}

Result<std::vector<std::string>> Body::texts(std::string_view key) const {
  std::vector<std::string> list;
  const Value* found = value(key);
  if (found == nullptr) return list;
  if (!found->is(Kind::array)) return must_be(key, "an array of strings");
  for (const auto& item : found->items()) {
    if (!item.is(Kind::string)) return must_be(key, "an array of strings");
    list.emplace_back(item.text());
  }
  return list;
}

Result<std::optional<std::int64_t>> Body::integer(std::string_view key) const {
  const Value* found = value(key);
  if (found == nullptr) return std::optional<std::int64_t>();
  const auto number = found->is(Kind::number) ? found->integer() : std::nullopt;
  if (!number) return must_be(key, "an integer");
  return number;
}

Result<bool> Body::flag(std::string_view key) const {
  const Value* found = value(key);
  if (found == nullptr) return false;
  if (!found->is(Kind::boolean)) return must_be(key, "true or false");
  return found->boolean();
}

Result<Body::Pairs> Body::pairs(std::string_view key) const {
  Pairs list;
  const Value* found = value(key);
  if (found == nullptr) return list;
  if (!found->is(Kind::object)) return must_be(key, "an object of strings");
  for (const auto& member : found->members()) {
    if (!member.value.is(Kind::string)) return must_be(key, "an object of strings");
    list.emplace_back(member.key, member.value.text());
  }
  return list;
}

Result<Body::Pairs> Body::named_values(std::string_view key) const {
  constexpr std::string_view kForm = R"(an array of {"name","value"})";
  Pairs list;
  const Value* found = value(key);
  if (found == nullptr) return list;
  if (!found->is(Kind::array)) return must_be(key, kForm);
  for (const auto& item : found->items()) {
    const Value* name = item.find("name");
    const Value* text = item.find("value");
    if (name == nullptr || text == nullptr || item.members().size() != 2 ||
        !name->is(Kind::string) || !text->is(Kind::string)) {
      return must_be(key, kForm);
    }
    list.emplace_back(name->text(), text->text());
  }
  return list;
}

Result<vault::Scope> Body::scope() const {
  TRY_ASSIGN(const auto kind, text_or_empty("scope"));
  TRY_ASSIGN(const auto workspace, text_or_empty("workspaceId"));
  TRY_ASSIGN(const auto group, text_or_empty("groupId"));
  return vault::make_scope(kind.empty() ? "global" : std::string_view(kind), workspace, group);
}

Result<Secret> Body::secret_value() const {
  const Value* plain = value("value");
  const Value* encoded = value("valueB64");
  if ((plain == nullptr) == (encoded == nullptr)) {
    return invalid_request("record_invalid", "give exactly one of 'value' and 'valueB64'");
  }
  const Value* given = plain != nullptr ? plain : encoded;
  if (!given->is(Kind::string)) return must_be(plain != nullptr ? "value" : "valueB64", "a string");
  std::optional<Secret> secret;
  if (plain != nullptr) {
    secret = Secret::copy_of(plain->text());
  } else {
    secret = json::secret_from_base64(encoded->text());
    if (!secret) return must_be("valueB64", "standard padded base64");
  }
  if (secret->empty()) return invalid_request("record_invalid", "the value must not be empty");
  if (secret->size() > kMaxSecret) {
    return invalid_request("record_invalid", "the value must not be larger than 1 MiB");
  }
  return *std::move(secret);
}

Result<std::optional<Secret>> Body::secret(std::string_view key) const {
  const Value* given = value(key);
  if (given == nullptr) return std::optional<Secret>();
  if (!given->is(Kind::string)) return must_be(key, "a string");
  if (given->text().empty()) {
    return invalid_request("record_invalid", "'" + std::string(key) + "' must not be empty");
  }
  if (given->text().size() > kMaxSecret) return must_be(key, "at most 1 MiB");
  return std::optional(Secret::copy_of(std::string_view(given->text())));
}

bool Body::value_begins_with(std::string_view beginning) const {
  const Value* plain = value("value");
  if (plain != nullptr) return plain->text().starts_with(beginning);
  const Value* encoded = value("valueB64");
  if (encoded == nullptr) return false;
  // The characters of Base64 that these bytes alone determine; the secret stays encoded.
  const auto expected = base64(bytes_of(beginning));
  return encoded->text().starts_with(
      std::string_view(expected).substr(0, beginning.size() * 8 / 6));
}

std::optional<std::string> Query::text(std::string_view key) const {
  for (const auto& [name, value] : request_.query) {
    if (name == key && !trim(value).empty()) return std::string(trim(value));
  }
  return std::nullopt;
}

std::vector<std::string> Query::all(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : request_.query) {
    if (name == key && !trim(value).empty()) values.emplace_back(trim(value));
  }
  return values;
}

Result<std::optional<std::int64_t>> Query::integer(std::string_view key) const {
  const auto found = text(key);
  if (!found) return std::optional<std::int64_t>();
  std::int64_t number = 0;
  const auto* end = found->data() + found->size();
  const auto parsed = std::from_chars(found->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return must_be(key, "an integer");
  return std::optional(number);
}

Result<std::size_t> Query::limit() const {
  TRY_ASSIGN(const auto limit, integer("limit"));
  if (!limit) return kDefaultLimit;
  if (*limit < 0 || *limit > kMaxLimit) return must_be("limit", "0 to 1000");
  return static_cast<std::size_t>(*limit);
}

}  // namespace aivault::admin
