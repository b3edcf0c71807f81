#include "policy/literals.h"

#include <algorithm>
#include <optional>

namespace aivault::policy {
namespace {

constexpr std::string_view kRedacted = "[REDACTED]";

struct Style {
  std::string_view digits = "0123456789abcdef";
  bool escapes_slash = false, ascii_only = false;
};

void append_unit(std::uint32_t unit, const Style& style, std::string& out) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) {
    out += style.digits[(unit >> static_cast<unsigned>(shift)) & 0xFU];
  }
}

// The character at the beginning of `text` and its size; nullopt: it is none.
std::optional<std::pair<std::uint32_t, std::size_t>> first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : lead >= 0xC0U ? 2 : 0;
  if (size == 0 || size > text.size()) return std::nullopt;
  std::uint32_t code = lead & (0xFFU >> (size + 1));
  for (const char c : text.substr(1, size - 1)) {
    code = code << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  }
  return std::pair(code, size);
}

void append_wide(std::uint32_t code, const Style& style, std::string& out) {
  constexpr std::uint32_t kBmp = 0x10000;
  if (code < kBmp) return append_unit(code, style, out);
  append_unit(0xD800U + ((code - kBmp) >> 10U), style, out);
  append_unit(0xDC00U + ((code - kBmp) & 0x3FFU), style, out);
}

void append_ascii(char c, const Style& style, std::string& out) {
  constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  const auto at = kSpecial.find(c);
  if (at != std::string_view::npos) {
    (out += '\\') += kLetters[at];
  } else if (c == '/' && style.escapes_slash) {
    out += "\\/";
  } else if (static_cast<unsigned char>(c) < 0x20U) {
    append_unit(static_cast<unsigned char>(c), style, out);
  } else {
    out += c;
  }
}

std::string escaped(std::string_view text, const Style& style) {
  std::string out;
  while (!text.empty()) {
    const bool is_wide = static_cast<unsigned char>(text.front()) >= 0x80U;
    const auto wide = is_wide && style.ascii_only ? first_character(text) : std::nullopt;
    if (wide) {
      append_wide(wide->first, style, out);
      text.remove_prefix(wide->second);
      continue;
    }
    if (is_wide) {
      out += text.front();
    } else {
      append_ascii(text.front(), style, out);
    }
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace

LiteralForms::LiteralForms(std::span<const std::string> texts) {
  constexpr std::string_view kUpper = "0123456789ABCDEF";
  for (const auto& text : texts) {
    add(text);
    for (const bool slash : {false, true}) {
      add(escaped(text, {.escapes_slash = slash}));
      add(escaped(text, {.escapes_slash = slash, .ascii_only = true}));
      add(escaped(text, {.digits = kUpper, .escapes_slash = slash, .ascii_only = true}));
    }
  }
}

void LiteralForms::add(std::string_view form) {
  if (form.empty()) return;
  begins_.at(static_cast<unsigned char>(form.front())) = true;
  std::uint32_t at = 0;
  for (const char c : form) {
    const auto byte = static_cast<unsigned char>(c);
    const auto& next = nodes_[at].next;
    const auto known =
        std::ranges::find(next, byte, &std::pair<unsigned char, std::uint32_t>::first);
    if (known != next.end()) {
      at = known->second;
      continue;
    }
    const auto added = static_cast<std::uint32_t>(nodes_.size());
    nodes_[at].next.emplace_back(byte, added);
    nodes_.emplace_back();
    at = added;
  }
  nodes_[at].ends = true;
}

const LiteralForms::Node* LiteralForms::step(const Node& node, unsigned char byte) const {
  for (const auto& [label, target] : node.next) {
    if (label == byte) return &nodes_[target];
  }
  return nullptr;
}

LiteralForms::Match LiteralForms::match(std::string_view text) const {
  Match match;
  if (!begins_.at(static_cast<unsigned char>(text.front()))) return match;
  const auto* node = nodes_.data();
  for (std::size_t i = 0; i < text.size(); ++i) {
    node = step(*node, static_cast<unsigned char>(text[i]));
    if (node == nullptr) return match;
    if (node->ends) match.size = i + 1;
  }
  match.undecided = !node->next.empty();
  return match;
}

void Literals::feed(std::string_view in, std::string& out) {
  if (held_.empty()) return scan(in, More::may_come, out);
  const auto joined = std::exchange(held_, {}).append(in);
  scan(joined, More::may_come, out);
}

void Literals::flush(std::string& out) {
  if (!held_.empty()) scan(std::exchange(held_, {}), More::none, out);
}

void Literals::scan(std::string_view text, More more, std::string& out) {
  if (forms_->empty()) {
    out += text;
    return;
  }
  std::size_t plain = 0;  // From here nothing was hit.
  std::size_t at = 0;
  while (at < text.size()) {
    const auto match = forms_->match(text.substr(at));
    if (match.undecided && more == More::may_come) break;
    if (match.size == 0) {
      ++at;
      continue;
    }
    out += text.substr(plain, at - plain);
    out += kRedacted;
    ++hits_;
    at += match.size;
    plain = at;
  }
  out += text.substr(plain, at - plain);
  held_ = text.substr(at);
}

}  // namespace aivault::policy
