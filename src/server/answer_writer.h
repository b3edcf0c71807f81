// AnswerWriter: sends the answer to a call piece by piece: head together with the first bytes where
// they come at once, chunks, and at the end what became of the call.
// Thread: the event loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/result.h"
#include "server/connection.h"

namespace aivault::server {

class AnswerWriter {
 public:
  // plain: the length is in the head, or there is no body. chunked; with_outcome: chunked, and the
  // trailers say how the call ended.
  enum class Body : std::uint8_t { plain, chunked, with_outcome };
  // `length`: of the whole body, where it is known.
  AnswerWriter(Connection& connection,
               std::string head,
               Body body,
               std::optional<std::uint64_t> length);
  ~AnswerWriter();
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;

  // If nothing is sent within a millisecond, the head goes alone.
  void send_head_soon(const boost::asio::any_io_executor& executor);
  // Nothing of it was sent, and nothing will be: another answer may take its place.
  bool withdraw();

  std::span<std::byte> room();  // Where the next piece goes.
  // Sends the first `size` bytes of room(); at the end of the answer with its end.
  enum class Then : std::uint8_t { more, end };
  boost::asio::awaitable<Io> send(std::size_t size, Then then);
  // The end of an answer that failed. False: it cannot be told, and the connection must close.
  boost::asio::awaitable<bool> fail(const Error& error);

 private:
  struct Head {
    std::string unsent;
    bool begun = false;
    bool may_go_alone = true;
  };
  boost::asio::awaitable<Io> send_parts(std::string_view piece, std::string_view end);

  Connection& connection_;
  std::shared_ptr<Head> head_;
  Body body_;
  std::size_t piece_;
  std::vector<std::byte> buffer_;
  std::optional<boost::asio::steady_timer> timer_;
};

}  // namespace aivault::server
