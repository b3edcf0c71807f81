#include "json/write.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace aivault::json {
namespace {

void append_escape(std::string& out, unsigned code) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4)
    out += kHex[(code >> static_cast<unsigned>(shift)) & 15U];
}

// Code point of the two- or three-byte sequences that are escaped, else 0.
unsigned escaped_code(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[i])) : 0U;
  };
  if (at(0) == 0xC2 && at(1) >= 0x80 && at(1) <= 0x9F) return at(1);
  if (at(0) == 0xE2 && at(1) == 0x80 && at(2) >= 0xAA && at(2) <= 0xAE)
    return 0x2000U | (at(2) - 0x80U);
  if (at(0) == 0xE2 && at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9)
    return 0x2040U | (at(2) - 0x80U);
  return 0;
}

// Each byte that belongs to no character becomes U+FFFD.
std::string repaired(std::string_view text) {
  constexpr std::size_t kLongest = 4;
  std::string out;
  while (!text.empty()) {
    std::size_t length = 1;
    while (length <= kLongest && !is_valid_utf8(text.substr(0, length))) ++length;
    if (length > kLongest) {
      out += "\xEF\xBF\xBD";
      length = 1;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::min(length, text.size()));
  }
  return out;
}

void append_quoted(std::string& out, std::string_view text) {
  if (!is_valid_utf8(text)) return append_quoted(out, repaired(text));
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      append_escape(out, static_cast<unsigned char>(c));
    } else if (const unsigned code = escaped_code(text.substr(i)); code != 0) {
      append_escape(out, code);
      i += code < 0x100 ? 1 : 2;
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

class Printer {
 public:
  Printer(Order order, bool indent) : order_(order), indent_(indent) {}

  void print(std::string& out, const Value& value, std::size_t level) {
    switch (value.kind()) {
      case Kind::null: out += "null"; return;
      case Kind::boolean: out += value.boolean() ? "true" : "false"; return;
      case Kind::number: out += value.text(); return;
      case Kind::string: append_quoted(out, value.text()); return;
      case Kind::array: print_array(out, value, level); return;
      case Kind::object: print_object(out, value, level); return;
    }
  }

 private:
  void new_line(std::string& out, std::size_t level) const {
    if (!indent_) return;
    out += '\n';
    out.append(level * 2, ' ');
  }
  void print_array(std::string& out, const Value& value, std::size_t level) {
    out += '[';
    bool first = true;
    for (const auto& item : value.items()) {
      if (!first) out += ',';
      first = false;
      new_line(out, level + 1);
      print(out, item, level + 1);
    }
    if (!first) new_line(out, level);
    out += ']';
  }
  void print_object(std::string& out, const Value& value, std::size_t level) {
    std::vector<const Member*> members;
    for (const auto& member : value.members()) members.push_back(&member);
    if (order_ == Order::alphabetical) {
      std::ranges::sort(members, {}, [](const Member* m) { return std::string_view(m->key); });
    }
    out += '{';
    bool first = true;
    for (const auto* member : members) {
      if (!first) out += ',';
      first = false;
      new_line(out, level + 1);
      append_quoted(out, member->key);
      out += indent_ ? ": " : ":";
      print(out, member->value, level + 1);
    }
    if (!first) new_line(out, level);
    out += '}';
  }

  Order order_;
  bool indent_;
};

std::string compact(const Value& value, Order order) {
  std::string out;
  Printer(order, false).print(out, value, 0);
  return out;
}

std::string pretty(const Value& value, Order order) {
  std::string out;
  Printer(order, true).print(out, value, 0);
  out += '\n';
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace aivault::json
