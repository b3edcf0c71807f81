#include "crypto/hash.h"

#include <sodium.h>

#include <algorithm>

#include "base/reveal.h"

namespace aivault::crypto {
namespace {

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Hash blake2b(std::span<const std::byte> key, std::initializer_list<std::string_view> parts) {
  crypto_generichash_state state;
  Hash out;
  crypto_generichash_init(
      &state, reinterpret_cast<const unsigned char*>(key.data()), key.size(), out.size());
  for (const auto part : parts) crypto_generichash_update(&state, bytes(part), part.size());
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(out.data()), out.size());
  if (!key.empty()) sodium_memzero(&state, sizeof(state));  // It could go on as if keyed.
  return out;
}

}  // namespace

Hash hash_from(std::string_view bytes) {
  Hash out{};
  std::ranges::copy(bytes.substr(0, out.size()), out.begin());
  return out;
}

Hash hash(std::initializer_list<std::string_view> parts) { return blake2b({}, parts); }

Hash keyed_hash(const Secret& key, std::initializer_list<std::string_view> parts) {
  return blake2b(key.bytes(Reveal{}), parts);
}

struct Hasher::State {
  crypto_generichash_state of{};
};
Hasher::Hasher() : state_(std::make_unique<State>()) {
  crypto_generichash_init(&state_->of, nullptr, 0, Hash().size());
}
Hasher::~Hasher() = default;
void Hasher::add(std::string_view piece) {
  crypto_generichash_update(&state_->of, bytes(piece), piece.size());
}
Hash Hasher::finish() {
  Hash out;
  crypto_generichash_final(&state_->of, reinterpret_cast<unsigned char*>(out.data()), out.size());
  return out;
}

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace aivault::crypto
