#include "crypto/uuid.h"

#include <sodium.h>

#include <array>
#include <new>

#include "base/encoding.h"

namespace aivault::crypto {
namespace {

template <std::size_t N>
std::array<std::byte, N> random_bytes() {
  static const int ready = sodium_init();  // Before several threads ask for random bytes.
  if (ready < 0) throw std::bad_alloc();
  std::array<std::byte, N> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

}  // namespace

std::string random_uuid() {
  auto bytes = random_bytes<16>();
  bytes[6] = (bytes[6] & std::byte{0x0F}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3F}) | std::byte{0x80};
  auto text = hex(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !digit) return false;
  }
  return true;
}

std::string random_suffix() { return hex(random_bytes<8>()); }

}  // namespace aivault::crypto
