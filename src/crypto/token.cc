#include "crypto/token.h"

#include <sodium.h>

#include <array>
#include <new>

#include "base/reveal.h"
#include "base/wipe.h"

namespace aivault::crypto {

Secret make_token() {
  constexpr std::size_t kRandom = 32;
  constexpr int kAlphabet = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  static_assert(sodium_base64_ENCODED_LEN(kRandom, kAlphabet) == kTokenSize - 4 + 1);
  std::array<unsigned char, kRandom> random{};
  std::array<char, kTokenSize - 4 + 1> text{};
  ::randombytes_buf(random.data(), random.size());
  ::sodium_bin2base64(text.data(), text.size(), random.data(), random.size(), kAlphabet);
  auto token = Secret::join({kTokenPrefix, std::string_view(text.data(), text.size() - 1)});
  wipe(random.data(), random.size());
  wipe(text.data(), text.size());
  return token;
}

bool looks_like_token(const Secret& text) {
  return text.size() == kTokenSize && text.text(Reveal()).starts_with(kTokenPrefix);
}

Hash token_hash(const Secret& key, const Secret& token) {
  return keyed_hash(key, {token.text(Reveal())});
}

}  // namespace aivault::crypto
