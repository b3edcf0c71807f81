// signature: keyed digests and signatures with private keys, as the auth strategies make them.
// Thread: any; pure. Source: RFC 2104 (HMAC), RFC 7518 3.3 and 3.4 (RS256, ES256), RFC 8032.
// Errors: vault_unavailable secret_malformed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace aivault::crypto {

enum class HmacHash : std::uint8_t { sha1, sha256, sha384, sha512 };
// The bytes of the code; it may be a key in turn.
Secret hmac(HmacHash hash, std::string_view key, std::string_view text);

enum class KeyKind : std::uint8_t { rsa, p256, ed25519 };

class PrivateKey {
 public:
  // PKCS#8, PKCS#1 or SEC1, unencrypted; an RSA key has 2048 bits or more.
  static Result<PrivateKey> from_pem(std::string_view pem, KeyKind kind);
  // RSA: PKCS#1 v1.5 with SHA-256; P-256: r and s, 64 bytes, over SHA-256; Ed25519: 64 bytes.
  Result<std::string> sign(std::string_view text) const;

 private:
  PrivateKey() = default;
  std::shared_ptr<void> key_;  // An EVP_PKEY.
  KeyKind kind_ = KeyKind::rsa;
};

// Is it a certificate, or a chain of them, in PEM, whose first belongs to the private key?
Result<void> check_certificate(std::string_view certificate_pem, std::string_view key_pem);

}  // namespace aivault::crypto
