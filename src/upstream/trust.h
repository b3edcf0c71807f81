// Trust: which certificates an upstream may show. The system's roots, read once, and for single
// destinations one more CA. Verification cannot be switched off.
// Thread: the event loop. Errors: upstream_unreachable tls.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "http/host.h"

namespace aivault::upstream {

template <auto Free>
struct OpenSslFree {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslPtr = std::unique_ptr<SSL, OpenSslFree<&SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpenSslFree<&SSL_CTX_free>>;
using CertificatePtr = std::unique_ptr<X509, OpenSslFree<&X509_free>>;

class Trust {
 public:
  // `trust_store_path`: a PEM bundle; empty: where Linux distributions keep theirs, and none at
  // all is allowed (then only extra CAs are trusted). `dev_ca_pem`: trusted for every destination.
  static Result<Trust> load(const std::string& trust_store_path, std::string_view dev_ca_pem);

  // How many roots such a load would find.
  static Result<std::size_t> count_roots(const std::string& trust_store_path);

  struct Context {
    SSL_CTX* tls;      // Valid until the next call; SSL objects made from it hold on to it.
    std::uint64_t id;  // Differs where the roots differ.
  };
  Result<Context> context_for(const std::string& extra_ca_pem);

 private:
  struct Cached {
    SslContextPtr tls;
    std::uint64_t id;
  };
  Result<SslContextPtr> make_context(std::string_view extra_ca_pem) const;

  std::vector<CertificatePtr> roots_;
  std::vector<CertificatePtr> dev_roots_;
  std::unordered_map<std::string, Cached> contexts_;
  std::uint64_t next_id_ = 1;
};

// A client session that will accept `host` only: SNI, host name or address check, HTTP/1.1.
Result<SslPtr> make_session(SSL_CTX* context, const http::Authority& host);

// Why the handshake with `host` failed, from the session and OpenSSL's error queue.
Error tls_error(const SSL* session, const http::Authority& host);

}  // namespace aivault::upstream
