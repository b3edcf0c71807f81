#include "cli/markdown.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/text.h"

namespace aivault::cli {
namespace {

using json::Kind;
using json::Value;

constexpr std::string_view kNone = "None";

bool contains(const std::vector<std::string>& list, std::string_view key) {
  return std::ranges::find(list, key) != list.end();
}

bool is_scalar(const Value& value) { return !value.is(Kind::array) && !value.is(Kind::object); }
bool is_object(const Value& value) { return value.is(Kind::object); }

std::string marked(std::string_view key, const std::string& text) {
  const std::string name(key);
  return "<begin " + name + ">\n" + text + "\n</end " + name + ">";
}

std::string scalar_text(const Value& value) {
  switch (value.kind()) {
    case Kind::boolean: return value.boolean() ? "true" : "false";
    case Kind::number: return std::string(value.text());
    case Kind::string: return std::string(trim(value.text()).empty() ? kNone : value.text());
    default: return std::string(kNone);
  }
}

std::string title(std::string_view key) {
  std::string text;
  std::string part;
  const auto end_part = [&text, &part] {
    const auto letter = std::ranges::find_if(
        part, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
    if (letter != part.end()) *letter = to_upper({&*letter, 1}).front();
    if (!part.empty()) text += (text.empty() ? "" : " ") + part;
    part.clear();
  };
  for (const char c : key) {
    if (c == '_' || c == '-') {
      end_part();
    } else {
      part += c;
    }
  }
  end_part();
  return text;
}

std::string without_end_space(std::string text) {
  while (!text.empty() && is_space(text.back())) text.pop_back();
  return text;
}

class Renderer {
 public:
  explicit Renderer(const MarkdownOptions& options) : options_(options) {}

  std::string document(const Value& value) const {
    if (value.is(Kind::null)) return {};
    if (is_object(value) && !value.members().empty()) return object(value, "");
    return any(value, {});
  }

 private:
  // `key`: the nearest object key above the value; empty at top level.
  std::string any(const Value& value, std::string_view key) const {
    if (value.is(Kind::array)) return array(value, key);
    if (is_object(value)) {
      return value.members().empty() ? std::string(kNone) : object(value, kNone);
    }
    const auto text = scalar_text(value);
    const bool is_text = value.is(Kind::string) && !trim(value.text()).empty();
    return is_text && !key.empty() && contains(options_.wrapped_keys, key) ? marked(key, text)
                                                                           : text;
  }

  std::string array(const Value& value, std::string_view key) const {
    const auto& items = value.items();
    if (items.empty()) return std::string(kNone);
    const bool all_objects = std::ranges::all_of(items, is_object);
    std::string text;
    for (const auto& item : items) {
      if (!text.empty()) text += all_objects ? "\n\n" : "\n";
      if (all_objects) {
        text += any(item, key);
      } else if (is_scalar(item)) {
        text += "  - " + scalar_text(item);
      } else {
        text += marked(key.empty() ? "items" : key, any(item, key));
      }
    }
    return text;
  }

  std::string member(std::string_view key, const Value& value) const {
    const bool is_object_list = value.is(Kind::array) && !value.items().empty() &&
                                std::ranges::all_of(value.items(), is_object);
    const bool is_full_object = is_object(value) && !value.members().empty();
    auto text = any(value, key);
    return is_object_list || is_full_object ? marked(key, text) : text;
  }

  std::string object(const Value& value, std::string_view if_empty) const {
    std::map<std::string_view, const Value*> last;  // In byte order; of duplicates the last counts.
    for (const auto& entry : value.members()) {
      if (!contains(options_.excluded_keys, entry.key)) last[entry.key] = &entry.value;
    }
    if (last.empty()) return std::string(if_empty);
    std::string text;
    for (const auto& [key, entry] : last) {
      text += "# " + title(key) + "\n\n" + member(key, *entry) + "\n\n";
    }
    return without_end_space(std::move(text));
  }

  const MarkdownOptions& options_;
};

}  // namespace

std::string to_markdown(const json::Value& document, const MarkdownOptions& options) {
  auto text = Renderer(options).document(document);
  const auto name = std::string(trim(options.name_space));
  return name.empty() || text.empty() ? text : marked(name, text) + "\n";
}

}  // namespace aivault::cli
