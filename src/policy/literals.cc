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
  link_all();
}

void LiteralForms::add(std::string_view form) {
  if (form.empty()) return;
  const auto path = static_cast<std::uint32_t>(text_.size());
  NodeId at = kRoot;
  for (const char c : form) {
    if (const auto known = child(at, c); known != kNone) {
      at = known;
      continue;
    }
    const auto added = static_cast<NodeId>(nodes_.size());
    nodes_.push_back({.sibling = nodes_[at].first_child,
                      .parent = at,
                      .path = path,
                      .depth = nodes_[at].depth + 1,
                      .byte = c});
    nodes_[at].first_child = added;
    if (at == kRoot) begins_.at(static_cast<unsigned char>(c)) = added;
    at = added;
  }
  if (nodes_[at].path == path) text_ += form;
  nodes_[at].ends = true;
}

LiteralForms::NodeId LiteralForms::child(NodeId node, char byte) const {
  if (node == kRoot) return begins_.at(static_cast<unsigned char>(byte));
  auto at = nodes_[node].first_child;
  while (at != kNone && nodes_[at].byte != byte) at = nodes_[at].sibling;
  return at;
}

// By depth: what a node rests on is nearer to the root.
void LiteralForms::link_all() {
  std::vector<NodeId> row = {kRoot};
  std::vector<NodeId> next;
  while (!row.empty()) {
    next.clear();
    for (const auto node : row) {
      for (auto at = nodes_[node].first_child; at != kNone; at = nodes_[at].sibling) {
        link(at);
        next.push_back(at);
      }
    }
    row.swap(next);
  }
}

void LiteralForms::link(NodeId id) {
  auto& node = nodes_[id];
  node.first_hit = static_cast<std::uint32_t>(hits_.size());
  if (node.ends) {
    hits_.push_back({0, node.depth});
  } else if (node.parent != kRoot) {
    const auto& parent = nodes_[node.parent];
    node.earlier = parent.hits > 0 ? node.parent : parent.earlier;
    auto offset = decided(node.parent);
    auto at = parent.fail;
    auto taken = child(at, node.byte);
    while (taken == kNone && at != kRoot) {
      for (const auto& hit : hits_of(at)) hits_.push_back({offset + hit.begin, hit.size});
      offset += decided(at);
      at = nodes_[at].fail;
      taken = child(at, node.byte);
    }
    if (taken != kNone && is_leaf(taken)) {
      hits_.push_back({offset, nodes_[taken].depth});
      taken = kRoot;
    }
    node.fail = taken == kNone ? kRoot : taken;
  }
  node.hits = static_cast<std::uint32_t>(hits_.size()) - node.first_hit;
}

std::vector<LiteralForms::Hit> LiteralForms::hits_of(NodeId node) const {
  std::vector<Hit> hits;
  for (auto at = node; at != kNone; at = nodes_[at].earlier) {
    const auto own = std::span(hits_).subspan(nodes_[at].first_hit, nodes_[at].hits);
    hits.insert(hits.end(), own.rbegin(), own.rend());
  }
  std::ranges::reverse(hits);
  return hits;
}

void Literals::feed(std::string_view in, std::string& out) {
  while (!in.empty()) {
    if (state_ == LiteralForms::kRoot) {
      std::size_t plain = 0;
      while (plain < in.size() && !forms_->begins_with(in[plain])) ++plain;
      out += in.substr(0, plain);
      in.remove_prefix(plain);
      if (in.empty()) return;
    }
    take(in.front(), out);
    in.remove_prefix(1);
  }
}

void Literals::flush(std::string& out) {
  while (state_ != LiteralForms::kRoot) fall_back(out);
}

void Literals::take(char byte, std::string& out) {
  auto taken = forms_->child(state_, byte);
  while (taken == LiteralForms::kNone && state_ != LiteralForms::kRoot) {
    fall_back(out);
    taken = forms_->child(state_, byte);
  }
  if (taken == LiteralForms::kNone) {
    out += byte;
  } else if (forms_->is_leaf(taken)) {
    redact(out);
    state_ = LiteralForms::kRoot;
  } else {
    state_ = taken;
  }
}

void Literals::fall_back(std::string& out) {
  const auto held = forms_->text_of(state_);
  std::size_t done = 0;
  for (const auto& hit : forms_->hits_of(state_)) {
    out += held.substr(done, hit.begin - done);
    redact(out);
    done = std::size_t{hit.begin} + hit.size;
  }
  out += held.substr(done, forms_->decided(state_) - done);
  state_ = forms_->fail_of(state_);
}

void Literals::redact(std::string& out) {
  out += kRedacted;
  ++hits_;
}

}  // namespace aivault::policy
