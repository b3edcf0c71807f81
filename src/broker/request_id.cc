#include "broker/request_id.h"

#include <cstdint>
#include <string_view>

namespace aivault::broker {
namespace {

// The characters of RFC 4648 in the order of their codes, so that text order is time order.
constexpr std::string_view kAlphabet = "234567abcdefghijklmnopqrstuvwxyz";
constexpr unsigned kBits = 5;
constexpr std::size_t kTimeBytes = 6;
constexpr std::size_t kBytes = 16;

}  // namespace

std::string make_request_id(UnixMs now, const std::array<std::byte, 16>& random) {
  std::array<std::byte, kBytes> raw = random;
  auto time = static_cast<std::uint64_t>(to_int(now));
  for (std::size_t i = kTimeBytes; i-- > 0; time >>= 8U) raw[i] = static_cast<std::byte>(time);
  std::string id;
  std::uint32_t pending = 0;
  unsigned bits = 2;  // 26 characters hold 130 bits; the first two are zero.
  for (const auto byte : raw) {
    pending = (pending << 8U) | std::to_integer<std::uint32_t>(byte);
    bits += 8;
    while (bits >= kBits) {
      bits -= kBits;
      id += kAlphabet[(pending >> bits) & 31U];
    }
  }
  return id;
}

}  // namespace aivault::broker
