// Exchange: one request that was sent and the answer to it, which streams while the caller
// reads. Destroying it before the end closes the connection at once.
// Thread: the event loop. Errors: upstream_unreachable connection_lost | protocol | timeout_* |
// invalid_request body_length.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "auth/sign.h"
#include "base/result.h"
#include "upstream/body_source.h"
#include "upstream/body_upload.h"
#include "upstream/deadlines.h"
#include "upstream/https_connection.h"
#include "upstream/pool.h"
#include "upstream/response_parser.h"

namespace aivault::upstream {

class Exchange {
 public:
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const ResponseHead& head() const { return head_; }

  // Puts bytes of the body into `into` (not empty) and says how many; 0 is its valid end. A body
  // that ends too early is connection_lost. An error stays.
  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into);

  // The same, but nullopt if nothing has come until `when`.
  using Clock = std::chrono::steady_clock;
  boost::asio::awaitable<Result<std::optional<std::size_t>>> read_before(std::span<std::byte> into,
                                                                         Clock::time_point when);

  std::uint64_t request_bytes() const { return request_bytes_; }  // Of the body, that were sent.
  void cancel();

  // The connection of a WebSocket, once, when head() has the status 101: what was received behind
  // the head, and the subprotocol that the upstream chose (empty: none). It is nobody else's any
  // more, and no limit of time applies to it.
  struct Upgraded {
    std::unique_ptr<HttpsConnection> connection;
    std::vector<std::byte> received;
    std::string protocol;
  };
  std::optional<Upgraded> take_upgraded();

 private:
  friend class Client;

  // How a request body is framed; the head that was signed says the same.
  struct Outgoing {
    Asked asked = Asked::with_body;
    bool closes_connection = false;  // Servers disagree about bodies of such methods.
    std::optional<std::uint64_t> body_size;
    std::string websocket_key;  // Not empty: an upgrade is asked for.
    std::vector<std::string> protocols;
  };

  Exchange(boost::asio::any_io_executor executor,
           Pool::Lease lease,
           std::unique_ptr<Deadlines> deadlines,
           http::Authority host,
           Outgoing outgoing);

  // Sends the request and reads the head of the answer.
  boost::asio::awaitable<Result<void>> start(std::unique_ptr<HttpsConnection> connection,
                                             const auth::SignedRequest& request,
                                             BodySource* body);
  bool nothing_was_sent() const;

  boost::asio::awaitable<Result<void>> read_head();
  boost::asio::awaitable<Result<void>> read_head_while_uploading(BodySource& body);
  Result<bool> parse_head();  // Whether it was complete and final.
  Result<void> accept_upgrade(ResponseHead head);
  boost::asio::awaitable<Result<std::size_t>> receive();
  boost::asio::awaitable<Result<std::optional<std::size_t>>> read_unless_late(
      std::span<std::byte> into, std::optional<Clock::time_point> when);
  boost::asio::awaitable<Result<std::optional<std::size_t>>> read_body(
      std::span<std::byte> into, std::optional<Clock::time_point> when);
  std::string_view received() const;
  void request_is_sent();
  void complete();
  Error lost(std::string_view why) const;
  Error refused(std::string_view what) const;

  boost::asio::any_io_executor executor_;
  Pool::Lease lease_;
  std::unique_ptr<Deadlines> deadlines_;
  http::Authority host_;
  Outgoing outgoing_;
  std::unique_ptr<HttpsConnection> connection_;
  std::uint64_t wire_bytes_before_ = 0;
  std::uint64_t request_bytes_ = 0;

  std::vector<std::byte> buffer_;  // Received and not parsed: [begin_, end_).
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t scanned_ = 0;  // Of received(), without an empty line.
  unsigned interim_answers_ = 0;
  ResponseParser parser_;
  ResponseHead head_;

  bool answered_ = false;
  bool reusable_ = false;
  bool finished_ = false;
  bool upgraded_ = false;
  std::string protocol_;  // Of the WebSocket.
  std::optional<Error> failure_;
};

}  // namespace aivault::upstream
