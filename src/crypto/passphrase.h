// passphrase: a key made from a passphrase by Argon2id, at a cost that is written down beside it
// and never lowered.
// Thread: any; takes 64 MiB to 4 GiB of memory and up to seconds of one thread.
// Errors: nullopt when the memory cannot be had.
// Source: RFC 9106; libsodium crypto_pwhash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/secret.h"

namespace aivault::crypto {

inline constexpr std::size_t kSaltBytes = 16;

struct PassphraseCost {
  std::string salt;  // kSaltBytes.
  std::int64_t passes = 3;
  std::int64_t memory_kib = 262'144;
};

PassphraseCost new_passphrase_cost();  // With a random salt.
// 16 bytes of salt, 2 to 32 passes, 64 MiB to 4 GiB: what may be asked of this machine.
bool is_acceptable(const PassphraseCost& cost);

// The bytes of the passphrase count as they are. nullopt also for a cost that is not acceptable,
// before any memory is taken.
std::optional<Secret> key_from_passphrase(const Secret& passphrase, const PassphraseCost& cost);

inline constexpr std::int64_t kMaxOldPasses = 10'000;
inline constexpr std::int64_t kMaxOldWork = std::int64_t{32} * 4'194'304;  // Passes times KiB.
// At a cost that another program once chose: 16 bytes of salt, 1 to 10,000 passes, 8 KiB to 4 GiB,
// and no more work than 32 passes over 4 GiB.
std::optional<Secret> key_from_old_passphrase(const Secret& passphrase, const PassphraseCost& cost);

// Is it empty, or nothing but ASCII white space?
bool is_blank(const Secret& passphrase);
std::size_t characters_in(const Secret& passphrase);  // Of UTF-8.

}  // namespace aivault::crypto
