#include "crypto/sha256.h"

#include <sodium.h>

#include <array>

#include "base/encoding.h"
#include "base/reveal.h"

namespace aivault::crypto {

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(
      digest.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hex(std::as_bytes(std::span(digest)));
}

std::string sha256_hex(const Secret& secret) { return sha256_hex(secret.text(Reveal{})); }

}  // namespace aivault::crypto
