#include "vault/digest.h"

namespace aivault::vault {

Digest::Digest(std::string_view bytes) {
  for (std::size_t i = 0; i < value_.size() && i < bytes.size(); ++i) {
    value_[i] = static_cast<std::uint8_t>(bytes[i]);
  }
}

void Digest::add(const crypto::Hash& element) {
  unsigned carry = 0;
  for (std::size_t i = 0; i < value_.size(); ++i) {
    carry += unsigned{value_[i]} + static_cast<std::uint8_t>(element[i]);
    value_[i] = static_cast<std::uint8_t>(carry & 0xFFU);
    carry >>= 8U;
  }
}

void Digest::subtract(const crypto::Hash& element) {
  unsigned borrow = 0;
  for (std::size_t i = 0; i < value_.size(); ++i) {
    const unsigned taken = static_cast<std::uint8_t>(element[i]) + borrow;
    borrow = value_[i] < taken ? 1U : 0U;
    value_[i] = static_cast<std::uint8_t>((0x100U + value_[i] - taken) & 0xFFU);
  }
}

std::string Digest::bytes() const {
  return {reinterpret_cast<const char*>(value_.data()), value_.size()};
}

}  // namespace aivault::vault
