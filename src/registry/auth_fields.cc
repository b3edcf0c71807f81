#include "registry/auth_fields.h"

#include <algorithm>

#include "base/text.h"

namespace aivault::registry {
namespace {

constexpr std::size_t kMostItems = 64;  // Of a list in an auth config.

tl::unexpected<Error> malformed(std::string message) {
  return invalid_request("record_invalid", std::move(message));
}

}  // namespace

std::string snake_case(std::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) snake += '_';
    snake += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return snake;
}

std::string AuthFields::what(std::string_view name) const {
  return std::string(word_) + " auth " + std::string(name);
}

Result<const json::Value*> AuthFields::value(std::string_view name) {
  const std::string snake = snake_case(name);
  const json::Value* one = object_.find(snake);
  const json::Value* other = snake == name ? nullptr : object_.find(name);
  taken_.push_back(snake);
  taken_.emplace_back(name);
  if (one != nullptr && other != nullptr) {
    return malformed(std::string(word_) + " auth gives " + std::string(name) + " and " + snake +
                     ": use one of them");
  }
  const json::Value* found = one != nullptr ? one : other;
  if (found != nullptr && found->is(json::Kind::null)) found = nullptr;
  return found;
}

Result<std::optional<std::string>> AuthFields::text(std::string_view name) {
  TRY_ASSIGN(const auto* found, value(name));
  if (found == nullptr) return std::optional<std::string>();
  if (!found->is(json::Kind::string)) return malformed(what(name) + " must be a string");
  return std::optional<std::string>(found->text());
}

Result<std::string> AuthFields::text_or(std::string_view name, std::string_view otherwise) {
  TRY_ASSIGN(auto found, text(name));
  return found ? *std::move(found) : std::string(otherwise);
}

Result<std::optional<std::int64_t>> AuthFields::integer(std::string_view name) {
  TRY_ASSIGN(const auto* found, value(name));
  if (found == nullptr) return std::optional<std::int64_t>();
  const auto number = found->is(json::Kind::number) ? found->integer() : std::nullopt;
  if (!number) return malformed(what(name) + " must be an integer");
  return number;
}

Result<std::vector<std::string>> AuthFields::texts(std::string_view name) {
  TRY_ASSIGN(const auto* found, value(name));
  std::vector<std::string> list;
  if (found == nullptr) return list;
  const bool is_list = found->is(json::Kind::array) && found->items().size() <= kMostItems;
  if (!is_list || !std::ranges::all_of(found->items(), [](const json::Value& item) {
        return item.is(json::Kind::string);
      })) {
    return malformed(what(name) + " must be a list of strings");
  }
  for (const auto& item : found->items()) list.emplace_back(item.text());
  return list;
}

Result<std::vector<std::pair<std::string, std::string>>> AuthFields::pairs(std::string_view name) {
  TRY_ASSIGN(const auto* found, value(name));
  std::vector<std::pair<std::string, std::string>> list;
  if (found == nullptr) return list;
  if (!found->is(json::Kind::object) || found->members().size() > kMostItems ||
      !std::ranges::all_of(found->members(), [](const json::Member& member) {
        return member.value.is(json::Kind::string);
      })) {
    return malformed(what(name) + " must be an object of strings");
  }
  for (const auto& member : found->members()) list.emplace_back(member.key, member.value.text());
  std::ranges::sort(list);
  return list;
}

Result<void> AuthFields::finish(bool type_form) const {
  for (const auto& member : object_.members()) {
    if (type_form && member.key == "type") continue;
    if (std::ranges::find(taken_, std::string_view(member.key)) == taken_.end()) {
      return malformed("unknown field '" + quote_for_message(member.key) + "' in " +
                       std::string(word_) + " auth");
    }
  }
  return {};
}

Result<std::vector<FieldTemplate>> parse_templates(std::string_view word,
                                                   std::string_view name_field,
                                                   const json::Value& list) {
  if (!list.is(json::Kind::array) || list.items().size() > kMostItems) {
    return malformed(std::string(word) + " auth must be a list of templates");
  }
  std::vector<FieldTemplate> templates;
  for (const auto& item : list.items()) {
    if (!item.is(json::Kind::object)) {
      return malformed(std::string(word) + " auth must be a list of templates");
    }
    AuthFields fields(word, item);
    TRY_ASSIGN(auto name, fields.text_or(name_field, ""));
    TRY_ASSIGN(auto value, fields.text_or("valueTemplate", ""));
    TRY(fields.finish(false));
    templates.push_back({std::string(trim(name)), std::move(value)});
  }
  return templates;
}

}  // namespace aivault::registry
