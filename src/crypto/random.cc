#include "crypto/random.h"

#include <sodium.h>

namespace aivault::crypto {

std::array<std::byte, 32> random_bytes() {
  std::array<std::byte, 32> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

}  // namespace aivault::crypto
