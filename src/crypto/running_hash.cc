#include "crypto/running_hash.h"

#include <sodium.h>

#include <cstdint>

#include "base/reveal.h"
#include "crypto/keys.h"

namespace aivault::crypto {

struct RunningHash::State {
  explicit State(Secret k) : key(std::move(k)) {
    const auto bytes = key.text(Reveal{});
    crypto_generichash_init(
        &hash, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), sizeof(Hash));
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;
  ~State() { sodium_memzero(&hash, sizeof hash); }

  void update(std::string_view piece) {
    crypto_generichash_update(
        &hash, reinterpret_cast<const unsigned char*>(piece.data()), piece.size());
  }

  Secret key;
  crypto_generichash_state hash{};
};

RunningHash::RunningHash() : state_(std::make_unique<State>(random_key())) {}
RunningHash::RunningHash(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunningHash::RunningHash(RunningHash&&) noexcept = default;
RunningHash::~RunningHash() = default;

RunningHash RunningHash::like(const RunningHash& other) {
  return RunningHash(std::make_unique<State>(other.state_->key.clone()));
}

void RunningHash::add(std::string_view piece) {
  const std::uint64_t size = piece.size();
  state_->update({reinterpret_cast<const char*>(&size), sizeof size});
  state_->update(piece);
}

void RunningHash::add(const Secret& piece) { add(piece.text(Reveal{})); }

Hash RunningHash::finish() {
  Hash hash{};
  crypto_generichash_final(
      &state_->hash, reinterpret_cast<unsigned char*>(hash.data()), hash.size());
  return hash;
}

}  // namespace aivault::crypto
