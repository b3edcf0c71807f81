// Encoding: hex, Base64 (RFC 4648, strict) and percent-encoding (RFC 3986) of bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace aivault {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string hex(std::span<const std::byte> bytes);           // Lower case.
std::optional<std::string> from_hex(std::string_view text);  // Either case, even length.

enum class Base64 : unsigned char { standard, url_unpadded };
std::string base64(std::span<const std::byte> bytes, Base64 alphabet = Base64::standard);
// Standard alphabet, padded, canonical (unused bits zero), nothing else; else nullopt.
std::optional<std::string> from_base64(std::string_view text);

// Every byte outside A-Z a-z 0-9 - . _ ~ becomes %XX (upper case).
std::string percent_encode(std::string_view text);

}  // namespace aivault
