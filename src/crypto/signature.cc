#include "crypto/signature.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/reveal.h"

namespace aivault::crypto {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using EcSignaturePtr = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;

constexpr int kShortestRsaKey = 2048;  // In bits.

tl::unexpected<Error> malformed(std::string message) {
  ERR_clear_error();
  return vault_unavailable("secret_malformed", std::move(message));
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

const EVP_MD* digest_of(HmacHash hash) {
  switch (hash) {
    case HmacHash::sha1: return EVP_sha1();
    case HmacHash::sha256: return EVP_sha256();
    case HmacHash::sha384: return EVP_sha384();
    case HmacHash::sha512: break;
  }
  return EVP_sha512();
}

// There is nobody to ask for a pass phrase.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

BioPtr reader(std::string_view text) {
  constexpr std::size_t kMost = 1U << 20U;
  if (text.size() > kMost) return nullptr;
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::shared_ptr<EVP_PKEY> read_key(std::string_view pem) {
  const auto bio = reader(pem);
  if (!bio) return nullptr;
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
  ERR_clear_error();
  if (key == nullptr) return nullptr;
  return {key, EVP_PKEY_free};
}

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

bool is_of_kind(const EVP_PKEY* key, KeyKind kind) {
  switch (kind) {
    case KeyKind::rsa: return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
    case KeyKind::p256: return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && is_p256(key);
    case KeyKind::ed25519: break;
  }
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
}

std::string_view name_of(KeyKind kind) {
  switch (kind) {
    case KeyKind::rsa: return "an RSA key";
    case KeyKind::p256: return "a P-256 key";
    case KeyKind::ed25519: break;
  }
  return "an Ed25519 key";
}

// r and s, 32 bytes each, of the DER that OpenSSL makes.
Result<std::string> raw_signature(const std::string& der) {
  const unsigned char* at = bytes(der);
  const EcSignaturePtr pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::array<unsigned char, 64> raw{};
  if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), raw.data(), 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), raw.data() + 32, 32) != 32) {
    return malformed("private key cannot sign");
  }
  return std::string(raw.begin(), raw.end());
}

}  // namespace

Secret hmac(HmacHash hash, std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  unsigned size = 0;
  HMAC(digest_of(hash),
       key.data(),
       static_cast<int>(std::min<std::size_t>(key.size(), std::numeric_limits<int>::max())),
       bytes(text),
       text.size(),
       code.data(),
       &size);
  auto made = Secret::copy_of(std::as_bytes(std::span(code.data(), size)));
  OPENSSL_cleanse(code.data(), code.size());
  return made;
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem, KeyKind kind) {
  const auto key = read_key(pem);
  if (!key) return malformed("private key must be unencrypted PEM");
  if (!is_of_kind(key.get(), kind)) {
    return malformed("private key must be " + std::string(name_of(kind)));
  }
  if (kind == KeyKind::rsa && EVP_PKEY_get_bits(key.get()) < kShortestRsaKey) {
    return malformed("private key must have 2048 bits or more");
  }
  PrivateKey made;
  made.key_ = key;
  made.kind_ = kind;
  return made;
}

Result<std::string> PrivateKey::sign(std::string_view text) const {
  auto* key = static_cast<EVP_PKEY*>(key_.get());
  const EVP_MD* digest = kind_ == KeyKind::ed25519 ? nullptr : EVP_sha256();
  const ContextPtr context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes(text), text.size()) != 1) {
    return malformed("private key cannot sign");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(),
                     reinterpret_cast<unsigned char*>(signature.data()),
                     &size,
                     bytes(text),
                     text.size()) != 1) {
    return malformed("private key cannot sign");
  }
  signature.resize(size);
  return kind_ == KeyKind::p256 ? raw_signature(signature) : Result<std::string>(signature);
}

Result<void> check_certificate(std::string_view certificate_pem, std::string_view key_pem) {
  const auto key = read_key(key_pem);
  if (!key) return malformed("private key must be unencrypted PEM");
  const auto bio = reader(certificate_pem);
  const CertificatePtr certificate(
      bio ? PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!certificate) return malformed("certificate must be PEM");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return malformed("certificate and private key do not match");
  }
  return {};
}

}  // namespace aivault::crypto
