// HttpsConnection: one verified TLS connection. Closing it ends whatever waits on it.
// Thread: the event loop; one reader and one writer at a time.
// Errors: upstream_unreachable connect | tls | connection_lost, auth_failed
// tls_client_certificate.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "auth/client_identity.h"
#include "base/result.h"
#include "base/secret.h"
#include "http/host.h"
#include "upstream/socket_bio.h"
#include "upstream/trust.h"

namespace aivault::upstream {

class HttpsConnection {
 public:
  HttpsConnection(const boost::asio::any_io_executor& executor, http::Authority host);
  ~HttpsConnection();
  HttpsConnection(const HttpsConnection&) = delete;
  HttpsConnection& operator=(const HttpsConnection&) = delete;

  // Tries the addresses in order; the peer is one of them afterwards.
  boost::asio::awaitable<Result<void>> connect(
      const std::vector<boost::asio::ip::tcp::endpoint>& checked);
  // `identity`: the client certificate to show if the peer asks for one; nullptr: none.
  boost::asio::awaitable<Result<void>> handshake(SSL_CTX* context,
                                                 const auth::ClientIdentity* identity);

  // Writes the head of a request. The only function outside auth that sees a credential.
  boost::asio::awaitable<Result<void>> write_head(const Secret& head);
  boost::asio::awaitable<Result<void>> write(std::span<const std::byte> bytes);
  // 0: the peer ended the connection properly (close_notify).
  boost::asio::awaitable<Result<std::size_t>> read_some(std::span<std::byte> into);

  // Whether read_some() would not have to wait, or when it will not have to until `when`. For a
  // connection that nothing is written to.
  boost::asio::awaitable<bool> is_readable_before(std::chrono::steady_clock::time_point when);

  // False once the peer closed or sent something nobody asked for.
  bool is_quiet();
  void close();
  // Kept as long as this lives.
  void keep(std::shared_ptr<const void> counted) { counted_ = std::move(counted); }
  bool is_open() const { return !closed_ && socket_.is_open(); }

  std::uint64_t wire_bytes_sent() const { return bio_.bytes_sent; }

 private:
  using WaitType = boost::asio::ip::tcp::socket::wait_type;
  enum class Want : std::uint8_t { nothing, read, write };
  boost::asio::awaitable<Result<void>> wait(WaitType type);
  boost::asio::awaitable<bool> wait_readable(std::chrono::steady_clock::time_point when);
  boost::asio::awaitable<void> give_others_a_turn(unsigned& uses_without_wait);
  Want wanted_after(int result) const;
  boost::asio::awaitable<Result<void>> connect_one(const boost::asio::ip::tcp::endpoint& endpoint,
                                                   bool is_last);
  Error lost() const;
  Error failed();

  boost::asio::ip::tcp::socket socket_;
  http::Authority host_;
  BioSocket bio_;
  SslPtr session_;
  unsigned reads_without_wait_ = 0;
  unsigned writes_without_wait_ = 0;
  bool shows_identity_ = false;
  std::optional<Error> refusal_;  // The peer's alert about a certificate, once seen.
  std::shared_ptr<const void> counted_;
  bool closed_ = false;  // For good, also if an address was still to be tried.
};

}  // namespace aivault::upstream
