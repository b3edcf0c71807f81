#include "cli/render_parts.h"

namespace aivault::cli {

std::string text_in(const json::Value& object, std::string_view key) {
  const auto* value = object.find(key);
  const bool has_text =
      value != nullptr && (value->is(json::Kind::string) || value->is(json::Kind::number));
  return has_text ? std::string(value->text()) : std::string();
}

bool is_true_in(const json::Value& object, std::string_view key) {
  const auto* value = object.find(key);
  return value != nullptr && value->is(json::Kind::boolean) && value->boolean();
}

const std::pmr::vector<json::Value>& items_in(const json::Value& object, std::string_view key) {
  static const std::pmr::vector<json::Value> none;
  const auto* value = object.find(key);
  return value == nullptr ? none : value->items();
}

std::string comma_list(const std::pmr::vector<json::Value>& texts) {
  std::string list;
  for (const auto& text : texts) {
    list += (list.empty() ? "" : ", ") + std::string(text.text());
  }
  return list;
}

void Listing::name(std::string_view name) {
  if (!first_) text_ += "\n";
  first_ = false;
  text_ += "  " + style_.identifier(name) + "\n";
}

void Listing::line(std::string_view label, std::string_view value) {
  text_ += "      " + style_.label(std::string(label) + ":") + " " + style_.plain(value) + "\n";
}

void Listing::mark(std::string_view word) { text_ += "      " + style_.bad(word) + "\n"; }

std::string Listing::finish(std::size_t count, std::string_view one, std::string_view many) {
  return std::move(text_) + "\n" + count_of(count, one, many) + "\n" +
         style_.dim("Use --verbose for the whole records as JSON.") + "\n";
}

std::string count_of(std::size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace aivault::cli
