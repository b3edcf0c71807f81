#include "crypto/seal.h"

#include <sodium.h>

#include "base/encoding.h"
#include "base/reveal.h"

namespace aivault::crypto {
namespace {

constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

// `out` has the size of the plaintext.
bool decrypt_into(std::span<std::byte> out,
                  const Secret& key,
                  const Sealed& sealed,
                  std::string_view associated) {
  return crypto_aead_xchacha20poly1305_ietf_decrypt(raw(out),
                                                    nullptr,
                                                    nullptr,
                                                    raw(sealed.ciphertext),
                                                    sealed.ciphertext.size(),
                                                    raw(associated),
                                                    associated.size(),
                                                    raw(sealed.nonce),
                                                    raw(key.text(Reveal{}))) == 0;
}

bool is_well_formed(const Secret& key, const Sealed& sealed) {
  return key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
         sealed.nonce.size() == kNonceBytes && sealed.ciphertext.size() >= kTagBytes;
}

}  // namespace

Sealed seal(const Secret& key, const Secret& plain, std::string_view associated) {
  return seal_known(key, plain.text(Reveal{}), associated);
}

std::optional<Secret> open(const Secret& key, const Sealed& sealed, std::string_view associated) {
  if (!is_well_formed(key, sealed)) return std::nullopt;
  auto plain = Secret::zeroed(sealed.ciphertext.size() - kTagBytes);
  if (!decrypt_into(plain.writable(Reveal{}), key, sealed, associated)) return std::nullopt;
  return plain;
}

bool open_into(Secret& plain,
               const Secret& key,
               const Sealed& sealed,
               std::string_view associated) {
  return is_well_formed(key, sealed) && plain.size() == sealed.ciphertext.size() - kTagBytes &&
         decrypt_into(plain.writable(Reveal{}), key, sealed, associated);
}

Sealed seal_known(const Secret& key, std::string_view plain, std::string_view associated) {
  Sealed sealed{std::string(kNonceBytes, '\0'), std::string(plain.size() + kTagBytes, '\0')};
  randombytes_buf(sealed.nonce.data(), sealed.nonce.size());
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      reinterpret_cast<unsigned char*>(sealed.ciphertext.data()),
      nullptr,
      raw(plain),
      plain.size(),
      raw(associated),
      associated.size(),
      nullptr,
      raw(sealed.nonce),
      raw(key.text(Reveal{})));
  return sealed;
}

std::optional<std::string> open_known(const Secret& key,
                                      const Sealed& sealed,
                                      std::string_view associated) {
  if (!is_well_formed(key, sealed)) return std::nullopt;
  std::string plain(sealed.ciphertext.size() - kTagBytes, '\0');
  const auto out = std::as_writable_bytes(std::span(plain));
  if (!decrypt_into(out, key, sealed, associated)) return std::nullopt;
  return plain;
}

}  // namespace aivault::crypto
