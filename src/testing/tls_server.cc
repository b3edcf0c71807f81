#include "testing/tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace aivault::testing {
namespace {

constexpr std::size_t kPiece = 16384;

int choose_http11(SSL*,
                  const unsigned char** out,
                  unsigned char* out_size,
                  const unsigned char* offered,
                  unsigned size,
                  void*) {
  static constexpr std::array<unsigned char, 9> kWanted{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  const auto found = SSL_select_next_proto(
      &chosen, out_size, kWanted.data(), static_cast<unsigned>(kWanted.size()), offered, size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

SSL_CTX* make_context(const ServerIdentity& identity, int max_protocol) {
  auto* context = SSL_CTX_new(TLS_server_method());
  const auto bio_of = [](const std::string& pem) {
    return BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  };
  auto* certificate_bio = bio_of(identity.certificate_pem);
  auto* key_bio = bio_of(identity.key_pem);
  auto* certificate = PEM_read_bio_X509(certificate_bio, nullptr, nullptr, nullptr);
  auto* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
  const bool ready = SSL_CTX_use_certificate(context, certificate) == 1 &&
                     SSL_CTX_use_PrivateKey(context, key) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free(certificate_bio);
  BIO_free(key_bio);
  if (!ready) throw std::runtime_error("test server: unusable certificate");
  SSL_CTX_set_max_proto_version(context, max_protocol);
  SSL_CTX_set_alpn_select_cb(context, choose_http11, nullptr);
  return context;
}

}  // namespace

std::string TlsPeer::read_some() {
  if (!pending_.empty()) return std::exchange(pending_, {});
  std::string bytes(kPiece, '\0');
  const int got = SSL_read(session_, bytes.data(), static_cast<int>(bytes.size()));
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

std::string TlsPeer::read_head() {
  std::string text;
  for (;;) {
    if (const auto end = text.find("\r\n\r\n"); end != std::string::npos) {
      pending_ = text.substr(end + 4);
      text.resize(end + 4);
      return text;
    }
    const auto more = read_some();
    if (more.empty()) return {};
    text += more;
  }
}

std::string TlsPeer::read_exactly(std::size_t size) {
  std::string text;
  while (text.size() < size) {
    const auto more = read_some();
    if (more.empty()) break;
    text += more;
  }
  if (text.size() > size) {
    pending_ = text.substr(size);
    text.resize(size);
  }
  return text;
}

std::string TlsPeer::read_chunked() {
  std::string body;
  for (;;) {
    std::string line;
    while (!line.ends_with("\r\n")) {
      const auto byte = read_exactly(1);
      if (byte.empty()) return body;
      line += byte;
    }
    const auto size = std::stoul(line, nullptr, 16);
    body += read_exactly(size);
    read_exactly(2);
    if (size == 0) return body;
  }
}

bool TlsPeer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto piece = std::min(bytes.size(), kPiece);
    const int written = SSL_write(session_, bytes.data(), static_cast<int>(piece));
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void TlsPeer::end() { SSL_shutdown(session_); }

void TlsPeer::reset() {
  const linger hard{1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  SSL_set_quiet_shutdown(session_, 1);
}

void TlsPeer::cut() { SSL_set_quiet_shutdown(session_, 1); }

void TlsPeer::drain() {
  while (!read_some().empty()) {
  }
}

std::string TlsPeer::server_name() const {
  const auto* name = SSL_get_servername(session_, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

std::string TlsPeer::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

TlsServer::TlsServer(const ServerIdentity& identity, Serve serve, int max_protocol)
    : context_(make_context(identity, max_protocol)), serve_(std::move(serve)) {
  signal(SIGPIPE, SIG_IGN);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 128) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("test server: cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

TlsServer::~TlsServer() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int descriptor : descriptors_) shutdown(descriptor, SHUT_RDWR);
  }
  for (auto& peer : peers_) peer.join();
  close(listener_);
  SSL_CTX_free(context_);
}

std::string TlsServer::authority(std::string_view host) const {
  return std::string(host) + ":" + std::to_string(port_);
}

void TlsServer::accept_loop() {
  for (;;) {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) return;
    ++accepted_;
    {
      const std::lock_guard lock(mutex_);
      descriptors_.push_back(descriptor);
    }
    peers_.emplace_back([this, descriptor] { serve_one(descriptor); });
  }
}

void TlsServer::serve_one(int descriptor) {
  auto* session = SSL_new(context_);
  SSL_set_fd(session, descriptor);
  if (SSL_accept(session) == 1) {
    ++handshakes_;
    TlsPeer peer(session, descriptor);
    serve_(peer);
  }
  SSL_free(session);
  const std::lock_guard lock(mutex_);
  std::erase(descriptors_, descriptor);
  close(descriptor);
}

std::string response(std::string_view body, std::string_view headers) {
  return "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

}  // namespace aivault::testing
