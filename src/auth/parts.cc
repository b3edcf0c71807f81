#include "auth/parts.h"

#include <algorithm>
#include <array>

#include "base/reveal.h"
#include "http/message.h"

namespace aivault::auth {

std::size_t size_of(const Parts& parts) {
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  return size;
}

void append(Parts& out, const Parts& more) { out.insert(out.end(), more.begin(), more.end()); }

Secret base64_of(const Parts& parts, Alphabet alphabet) {
  constexpr std::string_view kStandard =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::string_view kUrl =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto letters = alphabet == Alphabet::url ? kUrl : kStandard;
  const auto size = size_of(parts);
  Secret encoded =
      Secret::zeroed(alphabet == Alphabet::url ? (size * 4 + 2) / 3 : (size + 2) / 3 * 4);
  auto out = encoded.writable(Reveal()).begin();
  const auto put = [&](unsigned sextet) { *out++ = std::byte(letters[sextet & 0x3FU]); };
  unsigned bits = 0;
  int count = 0;  // Of bits that wait.
  for (const auto part : parts) {
    for (const char c : part) {
      bits = bits << 8U | static_cast<unsigned char>(c);
      for (count += 8; count >= 6; count -= 6) put(bits >> static_cast<unsigned>(count - 6));
    }
  }
  if (count > 0) put(bits << static_cast<unsigned>(6 - count));
  while (out != encoded.writable(Reveal()).end()) *out++ = std::byte('=');
  return encoded;
}

Secret percent_encoded(const Parts& parts) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto is_plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
  };
  std::size_t size = 0;
  for (const auto part : parts) {
    const auto plain = static_cast<std::size_t>(std::ranges::count_if(part, is_plain));
    size += plain + 3 * (part.size() - plain);
  }
  Secret encoded = Secret::zeroed(size);
  auto out = encoded.writable(Reveal()).begin();
  for (const auto part : parts) {
    for (const char c : part) {
      const unsigned value = static_cast<unsigned char>(c);
      if (is_plain(c)) {
        *out++ = std::byte(value);
      } else {
        *out++ = std::byte('%');
        *out++ = std::byte(kHex[value >> 4U]);
        *out++ = std::byte(kHex[value & 0xFU]);
      }
    }
  }
  return encoded;
}

void append_escaped(std::string_view text, Parts& parts) {
  constexpr std::array<std::string_view, 32> kControls = {
      "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
      "\\u0008", "\\u0009", "\\u000a", "\\u000b", "\\u000c", "\\u000d", "\\u000e", "\\u000f",
      "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
      "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f"};
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto value = static_cast<unsigned char>(text[i]);
    std::string_view escape;
    if (value < 0x20) escape = kControls[value];
    if (value == '"') escape = "\\\"";
    if (value == '\\') escape = "\\\\";
    if (escape.empty()) continue;
    parts.push_back(text.substr(begin, i - begin));
    parts.push_back(escape);
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
}

Parts filled_in(std::string_view text, std::string_view secret) {
  constexpr std::string_view kPlaceholder = "{{secret}}";
  Parts parts;
  for (auto at = text.find(kPlaceholder); at != std::string_view::npos;
       at = text.find(kPlaceholder)) {
    parts.push_back(text.substr(0, at));
    parts.push_back(secret);
    text.remove_prefix(at + kPlaceholder.size());
  }
  parts.push_back(text);
  return parts;
}

Result<void> check_header_value(const Parts& value) {
  if (!std::ranges::all_of(value, http::is_field_value)) {
    return vault_unavailable("secret_malformed", "secret cannot be sent in a header");
  }
  return {};
}

}  // namespace aivault::auth
