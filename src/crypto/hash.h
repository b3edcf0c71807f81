// hash: BLAKE2b-256, plain and keyed, and comparison in constant time.
// Thread: any; pure. Source: RFC 7693.
#pragma once

#include <array>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "base/secret.h"

namespace aivault::crypto {

using Hash = std::array<char, 32>;

inline std::string_view view(const Hash& hash) { return {hash.data(), hash.size()}; }
Hash hash_from(std::string_view bytes);  // Exactly 32 bytes.

Hash hash(std::initializer_list<std::string_view> parts);
Hash keyed_hash(const Secret& key, std::initializer_list<std::string_view> parts);

// The plain hash of what comes piece by piece.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  void add(std::string_view piece);
  Hash finish();  // Once.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

bool equal(std::string_view a, std::string_view b);  // Constant time in the contents.

}  // namespace aivault::crypto
