#include "testing/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string_view>

namespace aivault::testing {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<&X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<&BIO_free_all>>;

struct Made {
  CertificatePtr certificate;
  KeyPtr key;
};

void require(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL refused to make a test certificate");
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

ServerIdentity to_pem(const Made& made) {
  const BioPtr certificate(BIO_new(BIO_s_mem()));
  const BioPtr key(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(certificate.get(), made.certificate.get()) == 1);
  require(PEM_write_bio_PrivateKey(
              key.get(), made.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return {text_of(certificate.get()), text_of(key.get())};
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<&X509_EXTENSION_free>>;
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

enum class Role { authority, server };

Made make(const CertificateRequest& request, Role role, const ServerIdentity* issuer) {
  Made made{CertificatePtr(X509_new()), KeyPtr(EVP_EC_gen("P-256"))};
  auto* certificate = made.certificate.get();
  require(certificate != nullptr && made.key != nullptr);
  X509_set_version(certificate, X509_VERSION_3);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1U);
  X509_gmtime_adj(X509_getm_notBefore(certificate), request.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), request.valid_to_s);
  X509_set_pubkey(certificate, made.key.get());
  const auto* name = role == Role::authority ? "Test CA" : "test server";
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate),
                             "CN",
                             MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name),
                             -1,
                             -1,
                             0);
  add_extension(certificate,
                NID_basic_constraints,
                role == Role::authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  std::string names;
  for (const auto& dns : request.names) names += (names.empty() ? "DNS:" : ",DNS:") + dns;
  for (const auto& ip : request.addresses) names += (names.empty() ? "IP:" : ",IP:") + ip;
  if (!names.empty()) add_extension(certificate, NID_subject_alt_name, names);
  if (issuer == nullptr) {
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    require(X509_sign(certificate, made.key.get(), EVP_sha256()) > 0);
    return made;
  }
  const auto bio_of = [](const std::string& pem) {
    return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  };
  const CertificatePtr parent(
      PEM_read_bio_X509(bio_of(issuer->certificate_pem).get(), nullptr, nullptr, nullptr));
  const KeyPtr key(
      PEM_read_bio_PrivateKey(bio_of(issuer->key_pem).get(), nullptr, nullptr, nullptr));
  require(parent != nullptr && key != nullptr);
  X509_set_issuer_name(certificate, X509_get_subject_name(parent.get()));
  require(X509_sign(certificate, key.get(), EVP_sha256()) > 0);
  return made;
}

}  // namespace

CertificateAuthority::CertificateAuthority() : own_(to_pem(make({}, Role::authority, nullptr))) {}

ServerIdentity CertificateAuthority::issue(const CertificateRequest& request) const {
  return to_pem(make(request, Role::server, &own_));
}

ServerIdentity self_signed(const CertificateRequest& request) {
  return to_pem(make(request, Role::server, nullptr));
}

}  // namespace aivault::testing
