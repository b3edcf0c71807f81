#include "upstream/client_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/reveal.h"
#include "upstream/trust.h"

namespace aivault::upstream {
namespace {

using BioPtr = std::unique_ptr<BIO, OpenSslFree<&BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree<&EVP_PKEY_free>>;

constexpr int kMaxChain = 10;  // Certificates after the leaf.

tl::unexpected<Error> malformed(std::string message) {
  ERR_clear_error();
  return vault_unavailable("secret_malformed", std::move(message));
}

// There is nobody to ask for a pass phrase.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

// Memory BIOs over the bytes of a secret copy nothing.
BioPtr reader(const Secret& pem) {
  const auto text = pem.text(Reveal());
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

CertificatePtr next_certificate(BIO* from) {
  return CertificatePtr(PEM_read_bio_X509(from, nullptr, no_passphrase, nullptr));
}

}  // namespace

Result<void> present(SSL* session, const auth::ClientIdentity& identity) {
  const auto certificates = reader(identity.certificates);
  const auto leaf = next_certificate(certificates.get());
  if (!leaf || SSL_use_certificate(session, leaf.get()) != 1) {
    return malformed("certificate must be PEM");
  }
  for (int count = 0; const auto link = next_certificate(certificates.get()); ++count) {
    if (count == kMaxChain || SSL_add1_chain_cert(session, link.get()) != 1) {
      return malformed("the chain of the client certificate is too long");
    }
  }
  ERR_clear_error();  // The end of the text is one.
  const auto from = reader(identity.key);
  const KeyPtr key(PEM_read_bio_PrivateKey(from.get(), nullptr, no_passphrase, nullptr));
  if (!key) return malformed("private key must be unencrypted PEM");
  if (SSL_use_PrivateKey(session, key.get()) != 1 || SSL_check_private_key(session) != 1) {
    return malformed("certificate and private key do not match");
  }
  return {};
}

std::optional<std::string_view> refused_certificate() {
  static constexpr auto kAlerts = std::to_array<std::pair<int, std::string_view>>({
      {SSL_AD_HANDSHAKE_FAILURE, "it does not take it"},
      {SSL_AD_BAD_CERTIFICATE, "it calls it bad"},
      {SSL_AD_UNSUPPORTED_CERTIFICATE, "it does not support its kind"},
      {SSL_AD_CERTIFICATE_REVOKED, "it is revoked"},
      {SSL_AD_CERTIFICATE_EXPIRED, "it is expired"},
      {SSL_AD_CERTIFICATE_UNKNOWN, "it does not know it"},
      {SSL_AD_UNKNOWN_CA, "it does not know its issuer"},
      {SSL_AD_ACCESS_DENIED, "it grants it no access"},
      {SSL_AD_CERTIFICATE_REQUIRED, "it wants one"},
  });
  const auto error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return std::nullopt;
  const int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
  const auto* const found =
      std::ranges::find(kAlerts, alert, [](const auto& a) { return a.first; });
  if (found == kAlerts.end()) return std::nullopt;
  return found->second;
}

}  // namespace aivault::upstream
