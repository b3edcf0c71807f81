// TlsServer: a real TLS server on 127.0.0.1 whose answers are written by a test, byte for byte.
// Thread: one of its own for accepting and one for each connection; the test's function runs there.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "testing/certificates.h"

namespace aivault::testing {

// One accepted connection, after the handshake. Blocking; "" and false at the end.
class TlsPeer {
 public:
  TlsPeer(SSL* session, int descriptor) : session_(session), descriptor_(descriptor) {}

  std::string read_head();  // Up to and including the empty line.
  std::string read_exactly(std::size_t size);
  std::string read_some();
  std::string read_chunked();  // The decoded body.
  bool write(std::string_view bytes);
  void end();    // close_notify.
  void reset();  // RST instead of a proper end.
  void cut();    // FIN without close_notify.
  // Until the peer goes away; what it still sends is dropped.
  void drain();
  // The server name the client sent; empty: none.
  std::string server_name() const;
  std::string protocol() const;  // By ALPN.

 private:
  SSL* session_;
  int descriptor_;
  std::string pending_;
};

class TlsServer {
 public:
  using Serve = std::function<void(TlsPeer&)>;
  // `max_protocol`: TLS1_1_VERSION and the like; 0: the newest.
  TlsServer(const ServerIdentity& identity, Serve serve, int max_protocol = 0);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string authority(std::string_view host) const;  // "host:port"
  int accepted() const { return accepted_; }           // TCP connections.
  int handshakes() const { return handshakes_; }       // That were completed.

 private:
  void accept_loop();
  void serve_one(int descriptor);

  SSL_CTX* context_;
  Serve serve_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::atomic<int> handshakes_ = 0;
  std::mutex mutex_;  // Guards descriptors_.
  std::vector<int> descriptors_;
  std::vector<std::thread> peers_;  // Touched by the accepting thread, then by the destructor.
  std::thread acceptor_;
};

// The answers most tests want.
std::string response(std::string_view body, std::string_view headers = "");

}  // namespace aivault::testing
