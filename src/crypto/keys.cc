#include "crypto/keys.h"

#include <sodium.h>

#include "base/reveal.h"

namespace aivault::crypto {
namespace {

constexpr const char* kContext = "aivault2";
constexpr std::size_t kLeftOnStack = 2048;  // The hash leaves its output, which is the key.
static_assert(crypto_kdf_KEYBYTES == kKeyBytes);

}  // namespace

Secret random_key() {
  auto key = Secret::zeroed(kKeyBytes);
  const auto out = key.writable(Reveal{});
  randombytes_buf(out.data(), out.size());
  return key;
}

Secret derive(const Secret& kek, Subkey which) {
  auto key = Secret::zeroed(kKeyBytes);
  crypto_kdf_derive_from_key(reinterpret_cast<unsigned char*>(key.writable(Reveal{}).data()),
                             kKeyBytes,
                             static_cast<std::uint64_t>(which),
                             kContext,
                             reinterpret_cast<const unsigned char*>(kek.bytes(Reveal{}).data()));
  sodium_stackzero(kLeftOnStack);
  return key;
}

std::string key_id(const Secret& kek) {
  return std::string(derive(kek, Subkey::id).text(Reveal{}));
}

}  // namespace aivault::crypto
