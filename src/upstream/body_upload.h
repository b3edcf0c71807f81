// BodyUpload: sends a request body while its answer may already be arriving. A body of known
// length is checked before its last byte leaves, so a wrong one is never complete upstream.
// Thread: the event loop. Errors: invalid_request body_length, or what the source said.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.h"
#include "upstream/body_source.h"
#include "upstream/https_connection.h"

namespace aivault::upstream {

class BodyUpload {
 public:
  enum class State : std::uint8_t { running, complete, refused, cut };

  struct Hooks {
    std::function<void()> on_progress;  // Bytes left.
    std::function<void()> on_end;       // No more bytes will leave.
  };

  // `size`: the declared length; unset: chunked. All arguments outlive finish().
  BodyUpload(const boost::asio::any_io_executor& executor,
             HttpsConnection& connection,
             BodySource& source,
             std::optional<std::uint64_t> size,
             Hooks hooks);
  BodyUpload(const BodyUpload&) = delete;
  BodyUpload& operator=(const BodyUpload&) = delete;

  void start();
  // Stops it if it still runs, and returns when source and connection are no longer used.
  boost::asio::awaitable<void> finish();

  State state() const { return state_; }  // cut: the connection or finish() stopped it.
  const std::optional<Error>& error() const { return error_; }  // Set when refused.
  std::uint64_t bytes_sent() const { return bytes_sent_; }      // Of the body itself.

 private:
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<Result<bool>> send_known(std::uint64_t size);
  boost::asio::awaitable<Result<bool>> send_chunked();
  boost::asio::awaitable<bool> send(std::span<const std::byte> framed, std::size_t body_bytes);

  HttpsConnection& connection_;
  BodySource& source_;
  std::optional<std::uint64_t> size_;
  Hooks hooks_;
  State state_ = State::running;
  bool finished_ = false;
  bool stopping_ = false;
  std::optional<Error> error_;
  std::exception_ptr exception_;
  std::uint64_t bytes_sent_ = 0;
  boost::asio::cancellation_signal stop_;
  boost::asio::steady_timer ended_;
};

}  // namespace aivault::upstream
