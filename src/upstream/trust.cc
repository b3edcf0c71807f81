#include "upstream/trust.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

namespace aivault::upstream {
namespace {

// Debian and Alpine; Fedora; SUSE.
constexpr std::array kSystemBundles{"/etc/ssl/certs/ca-certificates.crt",
                                    "/etc/pki/tls/certs/ca-bundle.crt",
                                    "/etc/ssl/ca-bundle.pem"};
constexpr std::size_t kMaxContexts = 64;
constexpr std::string_view kHttp11{"\x08http/1.1"};

using BioPtr = std::unique_ptr<BIO, OpenSslFree<&BIO_free_all>>;
using Certificates = std::vector<CertificatePtr>;

tl::unexpected<Error> tls_failure(std::string message) {
  return fail(ErrorCode::upstream_unreachable, "tls", std::move(message));
}

Result<Certificates> parse_certificates(std::string_view pem, const std::string& source) {
  ERR_clear_error();
  const BioPtr input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificates certificates;
  while (auto* certificate = PEM_read_bio_X509_AUX(input.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end || certificates.empty()) return tls_failure(source + " holds no PEM certificates");
  return certificates;
}

std::optional<std::string> read_bundle(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

Result<Certificates> load_roots(const std::string& trust_store_path) {
  if (!trust_store_path.empty()) {
    const auto bundle = read_bundle(trust_store_path);
    if (!bundle) return tls_failure("cannot read the trust store " + trust_store_path);
    return parse_certificates(*bundle, trust_store_path);
  }
  for (const auto* path : kSystemBundles) {
    if (const auto bundle = read_bundle(path)) return parse_certificates(*bundle, path);
  }
  return Certificates{};
}

bool is_address_literal(const http::Authority& host) {
  in_addr address{};
  return host.is_ipv6() || inet_pton(AF_INET, host.host().c_str(), &address) == 1;
}

void add_all(X509_STORE* store, const Certificates& certificates) {
  for (const auto& certificate : certificates) X509_STORE_add_cert(store, certificate.get());
}

}  // namespace

Result<Trust> Trust::load(const std::string& trust_store_path, std::string_view dev_ca_pem) {
  Trust trust;
  TRY_ASSIGN(trust.roots_, load_roots(trust_store_path));
  if (!dev_ca_pem.empty()) {
    TRY_ASSIGN(trust.dev_roots_, parse_certificates(dev_ca_pem, "AIVAULT_DEV_CA_CERT_PATH"));
  }
  TRY(trust.context_for(""));
  return trust;
}

Result<std::size_t> Trust::count_roots(const std::string& trust_store_path) {
  TRY_ASSIGN(const auto roots, load_roots(trust_store_path));
  return roots.size();
}

Result<Trust::Context> Trust::context_for(const std::string& extra_ca_pem) {
  if (const auto known = contexts_.find(extra_ca_pem); known != contexts_.end()) {
    return Context{known->second.tls.get(), known->second.id};
  }
  TRY_ASSIGN(auto made, make_context(extra_ca_pem));
  // Operators change CAs rarely; starting over bounds the memory without any bookkeeping.
  if (contexts_.size() >= kMaxContexts) contexts_.clear();
  auto* context = made.get();
  contexts_.emplace(extra_ca_pem, Cached{std::move(made), next_id_});
  return Context{context, next_id_++};
}

Result<SslContextPtr> Trust::make_context(std::string_view extra_ca_pem) const {
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) return vault_unavailable("internal", "no memory for a TLS context");
  auto* tls = context.get();
  SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
  SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A resumed session would carry one identity's connection over to another one.
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(tls,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                       SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  // One look at the socket for a record, not one for its header too.
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  auto* store = SSL_CTX_get_cert_store(tls);
  add_all(store, roots_);
  add_all(store, dev_roots_);
  if (!extra_ca_pem.empty()) {
    TRY_ASSIGN(const auto extra, parse_certificates(extra_ca_pem, "the CA file of the credential"));
    add_all(store, extra);
  }
  // What an operator names as an anchor is one, also an intermediate or the server's own.
  if (!extra_ca_pem.empty() || !dev_roots_.empty()) {
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  }
  ERR_clear_error();  // A root that is in the store twice leaves an error behind.
  return context;
}

Result<SslPtr> make_session(SSL_CTX* context, const http::Authority& host) {
  SslPtr session(SSL_new(context));
  if (!session) return vault_unavailable("internal", "no memory for a TLS session");
  auto* parameters = SSL_get0_param(session.get());
  bool ready = true;
  if (is_address_literal(host)) {
    ready = X509_VERIFY_PARAM_set1_ip_asc(parameters, host.host().c_str()) == 1;
  } else {
    X509_VERIFY_PARAM_set_hostflags(
        parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const auto& name = host.host();
    ready = X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) == 1 &&
            SSL_ctrl(session.get(),
                     SSL_CTRL_SET_TLSEXT_HOSTNAME,
                     TLSEXT_NAMETYPE_host_name,
                     const_cast<char*>(name.c_str())) == 1;
  }
  const auto* protocols = reinterpret_cast<const unsigned char*>(kHttp11.data());
  const auto size = static_cast<unsigned>(kHttp11.size());
  ready = ready && SSL_set_alpn_protos(session.get(), protocols, size) == 0;
  if (!ready) return vault_unavailable("internal", "cannot prepare a TLS session");
  return session;
}

Error tls_error(const SSL* session, const http::Authority& host) {
  std::string why = "the handshake failed";
  const auto verdict = SSL_get_verify_result(session);
  if (verdict != X509_V_OK) {
    why = std::string("its certificate is not trusted: ") + X509_verify_cert_error_string(verdict);
  } else if (const auto* reason = ERR_reason_error_string(ERR_peek_error())) {
    why = reason;
  }
  ERR_clear_error();
  return Error{
      ErrorCode::upstream_unreachable, "tls", "TLS with " + host.text() + " failed: " + why, 0};
}

}  // namespace aivault::upstream
