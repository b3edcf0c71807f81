#include "crypto/passphrase.h"

#include <sodium.h>

#include <algorithm>

#include "base/reveal.h"
#include "base/text.h"
#include "crypto/keys.h"

namespace aivault::crypto {
namespace {

constexpr std::int64_t kMinPasses = 2;
constexpr std::int64_t kMaxPasses = 32;
constexpr std::int64_t kMinMemoryKib = 65'536;
constexpr std::int64_t kMaxMemoryKib = 4'194'304;
constexpr std::size_t kKib = 1024;
constexpr std::size_t kLeftOnStack = 8192;  // The hash leaves its last block, which is the key.
static_assert(crypto_pwhash_SALTBYTES == kSaltBytes);
static_assert(kMaxOldWork == kMaxPasses * kMaxMemoryKib);

constexpr std::int64_t kMinOldMemoryKib = 8;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool is_acceptable_old(const PassphraseCost& cost) {
  return cost.salt.size() == kSaltBytes && cost.passes >= 1 && cost.passes <= kMaxOldPasses &&
         cost.memory_kib >= kMinOldMemoryKib && cost.memory_kib <= kMaxMemoryKib &&
         cost.passes * cost.memory_kib <= kMaxOldWork;
}

std::optional<Secret> derive_key(const Secret& passphrase, const PassphraseCost& cost) {
  auto key = Secret::zeroed(kKeyBytes);
  const auto text = passphrase.text(Reveal{});
  const int failed = crypto_pwhash(reinterpret_cast<unsigned char*>(key.writable(Reveal{}).data()),
                                   kKeyBytes,
                                   text.data(),
                                   text.size(),
                                   bytes(cost.salt),
                                   static_cast<unsigned long long>(cost.passes),
                                   static_cast<std::size_t>(cost.memory_kib) * kKib,
                                   crypto_pwhash_ALG_ARGON2ID13);
  sodium_stackzero(kLeftOnStack);
  if (failed != 0) return std::nullopt;
  return key;
}

}  // namespace

PassphraseCost new_passphrase_cost() {
  PassphraseCost cost;
  cost.salt.resize(kSaltBytes);
  randombytes_buf(cost.salt.data(), cost.salt.size());
  return cost;
}

bool is_acceptable(const PassphraseCost& cost) {
  return cost.salt.size() == kSaltBytes && cost.passes >= kMinPasses && cost.passes <= kMaxPasses &&
         cost.memory_kib >= kMinMemoryKib && cost.memory_kib <= kMaxMemoryKib;
}

std::optional<Secret> key_from_passphrase(const Secret& passphrase, const PassphraseCost& cost) {
  if (!is_acceptable(cost)) return std::nullopt;
  return derive_key(passphrase, cost);
}

std::optional<Secret> key_from_old_passphrase(const Secret& passphrase,
                                              const PassphraseCost& cost) {
  if (!is_acceptable_old(cost)) return std::nullopt;
  return derive_key(passphrase, cost);
}

bool is_blank(const Secret& passphrase) { return trim(passphrase.text(Reveal{})).empty(); }

std::size_t characters_in(const Secret& passphrase) {
  constexpr unsigned kContinuationMask = 0xC0;
  constexpr unsigned kContinuation = 0x80;
  return static_cast<std::size_t>(std::ranges::count_if(passphrase.text(Reveal{}), [](char c) {
    return (static_cast<unsigned char>(c) & kContinuationMask) != kContinuation;
  }));
}

}  // namespace aivault::crypto
