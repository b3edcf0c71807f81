// keys: random keys, the subkeys of a key-encryption key, and the public name of one.
// Thread: any. Errors: std::bad_alloc when guarded memory cannot be had.
// Source: docs/vault.md; libsodium crypto_kdf (BLAKE2b).
#pragma once

#include <cstdint>
#include <string>

#include "base/secret.h"

namespace aivault::crypto {

inline constexpr std::size_t kKeyBytes = 32;

Secret random_key();

enum class Subkey : std::uint64_t { id = 1, wrap = 2, row_mac = 3, set = 4, state = 5 };
Secret derive(const Secret& kek, Subkey which);
// 32 bytes that name the key and tell nothing about it.
std::string key_id(const Secret& kek);

}  // namespace aivault::crypto
