// Signatures checked by OpenSSL's own verification, with keys made for the test.
#include "crypto/signature.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>

#include "base/encoding.h"
#include "base/reveal.h"

namespace aivault::crypto {
namespace {

using KeyPtr = std::shared_ptr<EVP_PKEY>;

KeyPtr rsa_key(unsigned bits) { return {EVP_RSA_gen(bits), EVP_PKEY_free}; }
KeyPtr p256_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

std::string pem_of(const KeyPtr& key,
                   bool traditional = false,
                   const EVP_CIPHER* cipher = nullptr) {
  const std::shared_ptr<BIO> bio(BIO_new(BIO_s_mem()), BIO_free);
  const char* phrase = cipher != nullptr ? "phrase" : nullptr;
  const int size = cipher != nullptr ? 6 : 0;
  auto* bytes = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(phrase));
  const int done = traditional ? PEM_write_bio_PrivateKey_traditional(
                                     bio.get(), key.get(), cipher, bytes, size, nullptr, nullptr)
                               : PEM_write_bio_PKCS8PrivateKey(
                                     bio.get(), key.get(), cipher, phrase, size, nullptr, nullptr);
  EXPECT_EQ(done, 1);
  char* text = nullptr;
  const auto length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

bool verifies(const KeyPtr& key, std::string_view text, std::string signature) {
  const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get());
  return EVP_DigestVerify(context.get(),
                          reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(),
                          reinterpret_cast<const unsigned char*>(text.data()),
                          text.size()) == 1;
}

std::string der_of(const std::string& raw) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
  const std::shared_ptr<ECDSA_SIG> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

std::string problem(std::string_view pem, KeyKind kind) {
  const auto key = PrivateKey::from_pem(pem, kind);
  return key ? "" : key.error().message;
}

TEST(Signature, SignsWithRsaInBothPemForms) {
  const auto key = rsa_key(2048);
  for (const bool traditional : {false, true}) {
    const auto read = PrivateKey::from_pem(pem_of(key, traditional), KeyKind::rsa);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_TRUE(verifies(key, "text", read->sign("text").value_or("")));
    EXPECT_FALSE(verifies(key, "other", read->sign("text").value_or("")));
  }
}

// Case 156.
TEST(Signature, SignsWithP256In64Bytes) {
  const auto key = p256_key();
  for (const bool traditional : {false, true}) {
    const auto read = PrivateKey::from_pem(pem_of(key, traditional), KeyKind::p256);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    const auto signature = read->sign("text").value_or("");
    ASSERT_EQ(signature.size(), 64U);
    EXPECT_TRUE(verifies(key, "text", der_of(signature)));
  }
}

TEST(Signature, RefusesKeysThatDoNotServe) {
  EXPECT_EQ(problem("no key", KeyKind::rsa), "private key must be unencrypted PEM");
  EXPECT_EQ(problem(pem_of(p256_key(), false, EVP_aes_128_cbc()), KeyKind::p256),
            "private key must be unencrypted PEM");
  EXPECT_EQ(problem(pem_of(rsa_key(1024)), KeyKind::rsa),
            "private key must have 2048 bits or more");
  EXPECT_EQ(problem(pem_of(p256_key()), KeyKind::rsa), "private key must be an RSA key");
  EXPECT_EQ(problem(pem_of(rsa_key(2048)), KeyKind::p256), "private key must be a P-256 key");
  EXPECT_EQ(problem(pem_of(rsa_key(2048)), KeyKind::ed25519), "private key must be an Ed25519 key");
}

// RFC 4231 test case 2, RFC 2202 test case 2.
TEST(Signature, MakesKnownCodes) {
  const auto code = [](HmacHash hash) {
    return hex(hmac(hash, "Jefe", "what do ya want for nothing?").bytes(Reveal()));
  };
  EXPECT_EQ(code(HmacHash::sha1), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(code(HmacHash::sha256),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace aivault::crypto
