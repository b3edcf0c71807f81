// hash: BLAKE2b-256, plain and keyed, and comparison in constant time.
// Thread: any; pure. Source: RFC 7693.
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>

#include "base/secret.h"

namespace aivault::crypto {

using Hash = std::array<char, 32>;

inline std::string_view view(const Hash& hash) { return {hash.data(), hash.size()}; }
Hash hash_from(std::string_view bytes);  // Exactly 32 bytes.

Hash hash(std::initializer_list<std::string_view> parts);
Hash keyed_hash(const Secret& key, std::initializer_list<std::string_view> parts);

bool equal(std::string_view a, std::string_view b);  // Constant time in the contents.

}  // namespace aivault::crypto
