#include "json/parts.h"

#include <array>

namespace aivault::json {
namespace {

std::string_view escape_of(char c) {
  static constexpr std::array<std::string_view, 32> kControls = {
      "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
      "\\u0008", "\\t",     "\\n",     "\\u000b", "\\u000c", "\\r",     "\\u000e", "\\u000f",
      "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
      "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f"};
  const auto value = static_cast<unsigned char>(c);
  if (value < kControls.size()) return kControls.at(value);
  if (c == '"') return "\\\"";
  if (c == '\\') return "\\\\";
  return {};
}

// NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth.
void append_object(const Value& value, std::vector<std::string_view>& out) {
  std::string_view separator = "{";
  for (const auto& member : value.members()) {
    out.push_back(separator);
    append_quoted(member.key, out);
    out.emplace_back(":");
    append_parts(member.value, out);
    separator = ",";
  }
  out.emplace_back(value.members().empty() ? "{}" : "}");
}

// NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth.
void append_array(const Value& value, std::vector<std::string_view>& out) {
  std::string_view separator = "[";
  for (const auto& item : value.items()) {
    out.push_back(separator);
    append_parts(item, out);
    separator = ",";
  }
  out.emplace_back(value.items().empty() ? "[]" : "]");
}

}  // namespace

void append_quoted(std::string_view text, std::vector<std::string_view>& out) {
  out.emplace_back("\"");
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto escape = escape_of(text[i]);
    if (escape.empty()) continue;
    out.push_back(text.substr(begin, i - begin));
    out.push_back(escape);
    begin = i + 1;
  }
  out.push_back(text.substr(begin));
  out.emplace_back("\"");
}

// NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth.
void append_parts(const Value& value, std::vector<std::string_view>& out) {
  switch (value.kind()) {
    case Kind::null: out.emplace_back("null"); return;
    case Kind::boolean: out.emplace_back(value.boolean() ? "true" : "false"); return;
    case Kind::number: out.push_back(value.text()); return;
    case Kind::string: append_quoted(value.text(), out); return;
    case Kind::array: append_array(value, out); return;
    case Kind::object: append_object(value, out); return;
  }
}

}  // namespace aivault::json
