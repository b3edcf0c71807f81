// AnswerBody: the body of an upstream's answer without its content codings, as it arrives.
// Thread: the event loop. Errors: those of upstream::Exchange and upstream::ContentDecoder.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "upstream/content_decoder.h"
#include "upstream/exchange.h"

namespace aivault::broker {

class AnswerBody {
 public:
  using Clock = upstream::Exchange::Clock;
  // `exchange` outlives this. `decoder`: nullptr for a body that is not coded.
  AnswerBody(upstream::Exchange& exchange, std::unique_ptr<upstream::ContentDecoder> decoder);
  ~AnswerBody();
  AnswerBody(const AnswerBody&) = delete;
  AnswerBody& operator=(const AnswerBody&) = delete;

  bool is_decoded() const { return decoder_ != nullptr; }
  // As Exchange::read: 0 is the valid end. nullopt: nothing has come until `when`.
  boost::asio::awaitable<Result<std::optional<std::size_t>>> read(
      std::span<std::byte> into, std::optional<Clock::time_point> when = std::nullopt);

 private:
  boost::asio::awaitable<Result<std::optional<std::size_t>>> receive(
      std::span<std::byte> into, std::optional<Clock::time_point> when);

  upstream::Exchange& exchange_;
  std::unique_ptr<upstream::ContentDecoder> decoder_;
  std::vector<std::byte> coded_;  // Received and not decoded: [begin_, end_).
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

}  // namespace aivault::broker
