// seal: authenticated encryption (XChaCha20-Poly1305, IETF) with a fresh random nonce each time.
// What was sealed opens only under the same key and the same associated data.
// Thread: any. Errors: std::bad_alloc when guarded memory cannot be had.
// Source: draft-irtf-cfrg-xchacha-03; associated data as docs/vault.md says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace aivault::crypto {

struct Sealed {
  std::string nonce;       // 24 bytes.
  std::string ciphertext;  // As long as the plaintext, and 16 bytes of tag.
};

Sealed seal(const Secret& key, const Secret& plain, std::string_view associated);
std::optional<Secret> open(const Secret& key, const Sealed& sealed, std::string_view associated);

// The same into `plain`, whose size must be that of the plaintext: for many in a row, without new
// guarded memory for each. False: it does not open, and `plain` holds nothing of use.
bool open_into(Secret& plain, const Secret& key, const Sealed& sealed, std::string_view associated);

// For bytes that may be known but not chosen by others, such as sums and check records.
Sealed seal_known(const Secret& key, std::string_view plain, std::string_view associated);
std::optional<std::string> open_known(const Secret& key,
                                      const Sealed& sealed,
                                      std::string_view associated);

}  // namespace aivault::crypto
