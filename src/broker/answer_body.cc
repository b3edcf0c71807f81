#include "broker/answer_body.h"

#include <utility>

#include "base/encoding.h"
#include "base/wipe.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kCoded = std::size_t{16} << 10U;

}  // namespace

AnswerBody::AnswerBody(upstream::Exchange& exchange,
                       std::unique_ptr<upstream::ContentDecoder> decoder)
    : exchange_(exchange), decoder_(std::move(decoder)) {
  if (decoder_) coded_.resize(kCoded);
}

AnswerBody::~AnswerBody() { wipe(coded_.data(), coded_.size()); }

asio::awaitable<Result<std::optional<std::size_t>>> AnswerBody::receive(
    std::span<std::byte> into, std::optional<Clock::time_point> when) {
  if (when) co_return co_await exchange_.read_before(into, *when);
  auto got = co_await exchange_.read(into);
  if (!got) co_return fail(std::move(got).error());
  co_return std::optional(*got);
}

asio::awaitable<Result<std::optional<std::size_t>>> AnswerBody::read(
    std::span<std::byte> into, std::optional<Clock::time_point> when) {
  if (!decoder_) co_return co_await receive(into, when);
  for (;;) {
    const auto unused = text_of(std::span(coded_).subspan(begin_, end_ - begin_));
    auto step = decoder_->decode(unused, into);
    if (!step) co_return fail(std::move(step).error());
    begin_ += step->consumed;
    if (step->produced > 0) co_return step->produced;
    if (begin_ < end_) continue;
    if (ended_) {
      auto whole = decoder_->finish();
      if (!whole) co_return fail(std::move(whole).error());
      co_return std::size_t{0};
    }
    const std::span room(coded_);
    auto got = co_await receive(room, when);
    if (!got || !*got) co_return got;
    begin_ = 0;
    end_ = got->value();
    ended_ = end_ == 0;
  }
}

}  // namespace aivault::broker
