#include "base/text.h"

#include <algorithm>
#include <array>

namespace aivault {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }
unsigned byte_of(char c) { return static_cast<unsigned char>(c); }

// Length of the UTF-8 sequence at `text`, 0 if malformed (RFC 3629: no overlongs, no surrogates).
std::size_t utf8_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? byte_of(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && at(1) < 0xA0) return 0;
    if (lead == 0xED && at(1) > 0x9F) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && at(1) < 0x90) return 0;
    if (lead == 0xF4 && at(1) > 0x8F) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_control(std::string_view character) {
  if (character.size() == 1) return byte_of(character[0]) < 0x20 || character[0] == 0x7F;
  return character >= "\xC2\x80" && character <= "\xC2\x9F";
}

// The overrides that make text read in another order than it is written.
bool is_override(std::string_view character) {
  const bool embeds = character >= "\xE2\x80\xAA" && character <= "\xE2\x80\xAE";
  const bool isolates = character >= "\xE2\x81\xA6" && character <= "\xE2\x81\xA9";
  return character.size() == 3 && (embeds || isolates);
}

std::string hex_of(unsigned byte) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  return {kHex[byte >> 4U], kHex[byte & 15U]};
}

// One character, which may be only a byte that belongs to none, as messages show it.
std::string shown(std::string_view character) {
  if (is_override(character)) {
    const unsigned low = ((byte_of(character[1]) & 3U) << 6U) | (byte_of(character[2]) & 0x3FU);
    return "\\u{20" + hex_of(low) + "}";
  }
  if (utf8_sequence(character) == character.size() && !is_control(character)) {
    return std::string(character);
  }
  std::string escaped;
  for (const char c : character) escaped += "\\x" + hex_of(byte_of(c));
  return escaped;
}

}  // namespace

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), upper);
  return out;
}

bool equals_ignore_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return byte_of(c) < 0x20 || c == 0x7F; });
}

std::string quote_for_message(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const auto length = std::max<std::size_t>(utf8_sequence(text), 1);
    const auto piece = shown(text.substr(0, length));
    if (out.size() + piece.size() > limit) return out + "...";
    out += piece;
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace aivault
