#include "base/encoding.h"

#include <array>
#include <cstdint>

namespace aivault {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kUpperHexDigits = "0123456789ABCDEF";
constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// What each byte stands for as a digit.
using DigitValues = std::array<std::uint8_t, 256>;
constexpr std::uint8_t kNoDigit = 0xFF;

constexpr DigitValues values_of(std::string_view digits) {
  DigitValues values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    values[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr DigitValues hex_values() {
  auto values = values_of(kHexDigits);
  for (std::size_t i = 10; i < kUpperHexDigits.size(); ++i) {
    values[static_cast<unsigned char>(kUpperHexDigits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr DigitValues kHexValues = hex_values();
constexpr DigitValues kBase64Values = values_of(kStandard);

std::uint32_t value_in(const DigitValues& values, char c) {
  return values[static_cast<unsigned char>(c)];
}

}  // namespace

std::string hex(std::span<const std::byte> bytes) {
  std::string out(bytes.size() * 2, '\0');
  char* to = out.data();
  for (const auto byte : bytes) {
    *to++ = kHexDigits[std::to_integer<unsigned>(byte) >> 4U];
    *to++ = kHexDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out(text.size() / 2, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto high = value_in(kHexValues, text[2 * i]);
    const auto low = value_in(kHexValues, text[2 * i + 1]);
    if (high == kNoDigit || low == kNoDigit) return std::nullopt;
    out[i] = static_cast<char>(high << 4U | low);
  }
  return out;
}

std::string base64(std::span<const std::byte> bytes, Base64 alphabet) {
  const auto digits = alphabet == Base64::standard ? kStandard : kUrl;
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (k < have ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      if (k <= have) {
        out += digits[(group >> (18U - 6U * k)) & 63U];
      } else if (alphabet == Base64::standard) {
        out += '=';
      }
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  if (text.ends_with('=')) padding = text.ends_with("==") ? 2 : 1;
  const auto digits = text.substr(0, text.size() - padding);
  std::string out(text.size() / 4 * 3 - padding, '\0');
  char* to = out.data();
  const std::size_t whole = digits.size() / 4 * 4;
  std::size_t i = 0;
  for (; i < whole; i += 4) {
    const auto a = value_in(kBase64Values, digits[i]);
    const auto b = value_in(kBase64Values, digits[i + 1]);
    const auto c = value_in(kBase64Values, digits[i + 2]);
    const auto d = value_in(kBase64Values, digits[i + 3]);
    // A digit is less than 64: all bits are set only if one of the four is none.
    if ((a | b | c | d) == kNoDigit) return std::nullopt;
    *to++ = static_cast<char>(a << 2U | b >> 4U);
    *to++ = static_cast<char>((b << 4U | c >> 2U) & 0xFFU);
    *to++ = static_cast<char>((c << 6U | d) & 0xFFU);
  }
  if (padding == 0) return out;
  const auto a = value_in(kBase64Values, digits[i]);
  const auto b = value_in(kBase64Values, digits[i + 1]);
  const auto c = padding == 1 ? value_in(kBase64Values, digits[i + 2]) : 0U;
  if ((a | b | c) == kNoDigit) return std::nullopt;
  const auto unused = padding == 1 ? c & 3U : b & 15U;
  if (unused != 0) return std::nullopt;
  *to++ = static_cast<char>(a << 2U | b >> 4U);
  if (padding == 1) *to = static_cast<char>((b << 4U | c >> 2U) & 0xFFU);
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += {'%', kUpperHexDigits[byte >> 4U], kUpperHexDigits[byte & 15U]};
    }
  }
  return out;
}

}  // namespace aivault
