#include "crypto/stream_hash.h"

#include <sodium.h>

#include <array>

#include "base/encoding.h"
#include "base/reveal.h"
#include "base/wipe.h"

namespace aivault::crypto {
namespace {

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

struct StreamHash::State {
  crypto_generichash_state hash;
};

StreamHash::StreamHash() : state_(std::make_unique<State>()) {
  crypto_generichash_init(&state_->hash, nullptr, 0, std::tuple_size_v<Hash>);
}
StreamHash::StreamHash(StreamHash&&) noexcept = default;
StreamHash& StreamHash::operator=(StreamHash&&) noexcept = default;
StreamHash::~StreamHash() {
  if (state_) wipe(state_.get(), sizeof(State));  // It may have seen a key.
}

void StreamHash::add(std::string_view bytes) {
  crypto_generichash_update(&state_->hash, raw(bytes), bytes.size());
}

void StreamHash::add(const Secret& bytes) { add(bytes.text(Reveal{})); }

Hash StreamHash::finish() {
  Hash out{};
  crypto_generichash_final(&state_->hash, reinterpret_cast<unsigned char*>(out.data()), out.size());
  return out;
}

struct StreamSha256::State {
  crypto_hash_sha256_state hash;
};

StreamSha256::StreamSha256() : state_(std::make_unique<State>()) {
  crypto_hash_sha256_init(&state_->hash);
}
StreamSha256::StreamSha256(StreamSha256&&) noexcept = default;
StreamSha256& StreamSha256::operator=(StreamSha256&&) noexcept = default;
StreamSha256::~StreamSha256() = default;

void StreamSha256::add(std::string_view bytes) {
  crypto_hash_sha256_update(&state_->hash, raw(bytes), bytes.size());
}

std::string StreamSha256::finish_hex() {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256_final(&state_->hash, digest.data());
  return hex(std::as_bytes(std::span(digest)));
}

}  // namespace aivault::crypto
