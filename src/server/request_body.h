// RequestBody: the body of one request as it arrives: length or chunks, back-pressure by not
// reading, and the 100 that a client may wait for.
// Thread: the event loop. Errors: invalid_request http_syntax; failure() says what to answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "broker/call.h"
#include "http/chunked.h"
#include "http/head.h"
#include "server/connection.h"

namespace aivault::server {

class RequestBody final : public upstream::BodySource {
 public:
  RequestBody(Connection& connection, const http::RequestHead& head);

  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override;

  // Sends the 100 if the client waits for it. From here on the client takes a loss as final.
  boost::asio::awaitable<Io> acknowledge();

  // How long a read may wait; and the time by which the body must be complete.
  void set_pace(std::chrono::milliseconds each, std::optional<std::chrono::milliseconds> in_all);

  bool declared_empty() const;  // Nothing follows the head.
  std::optional<std::uint64_t> declared_size() const { return declared_; }
  bool complete() const;  // Received to its end.
  std::uint64_t taken() const { return taken_; }

  // Why no more can be read; nullopt if nothing is wrong.
  enum class Failure : std::uint8_t { syntax, late, lost };
  std::optional<Failure> failure() const { return failure_; }

 private:
  boost::asio::awaitable<Result<std::size_t>> read_length(std::span<std::byte> into);
  boost::asio::awaitable<Result<std::size_t>> read_chunked(std::span<std::byte> into);
  std::chrono::milliseconds patience() const;
  Error failed(Io io);

  Connection& connection_;
  http::Framing framing_;
  std::optional<std::uint64_t> declared_;
  std::uint64_t left_ = 0;
  http::ChunkDecoder chunks_;
  bool owes_continue_;
  std::chrono::milliseconds each_{300'000};
  std::optional<std::chrono::steady_clock::time_point> complete_by_;
  std::uint64_t taken_ = 0;
  std::optional<Failure> failure_;
};

}  // namespace aivault::server
