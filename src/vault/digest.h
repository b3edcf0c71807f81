// Digest: the sum modulo 2^256 of one hash for each protected row. Rows can be exchanged in it
// one by one, and it does not depend on their order.
// Thread: any; a plain value.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/hash.h"

namespace aivault::vault {

class Digest {
 public:
  Digest() = default;
  explicit Digest(std::string_view bytes);  // 32 bytes, little-endian.

  void add(const crypto::Hash& element);
  void subtract(const crypto::Hash& element);
  std::string bytes() const;
  bool operator==(const Digest& other) const { return crypto::equal(bytes(), other.bytes()); }

 private:
  std::array<std::uint8_t, 32> value_{};
};

}  // namespace aivault::vault
