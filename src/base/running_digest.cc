#include "base/running_digest.h"

#include <sodium.h>

#include <span>

#include "base/encoding.h"

namespace aivault {
namespace {

crypto_hash_sha256_state* state_in(void* memory) {
  return static_cast<crypto_hash_sha256_state*>(memory);
}

}  // namespace

RunningDigest::RunningDigest() {
  static_assert(sizeof(crypto_hash_sha256_state) <= kStateSize);
  static_assert(alignof(crypto_hash_sha256_state) <= 8);
  crypto_hash_sha256_init(state_in(state_.data()));
}

void RunningDigest::add(std::string_view bytes) {
  crypto_hash_sha256_update(
      state_in(state_.data()), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string RunningDigest::hex() {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256_final(state_in(state_.data()), digest.data());
  return aivault::hex(std::as_bytes(std::span(digest)));
}

}  // namespace aivault
