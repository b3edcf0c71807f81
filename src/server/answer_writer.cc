#include "server/answer_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/encoding.h"
#include "http/chunked.h"
#include "protocol/headers.h"
#include "server/reply.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPiece = std::size_t{16} << 10U;
constexpr std::size_t kPrefix = 18;  // Size of a chunk in hexadecimal, and its line end.
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n";
constexpr auto kHeadWaits = std::chrono::milliseconds(1);
constexpr std::chrono::seconds kPatience(300);  // Without the client taking a byte.

}  // namespace

AnswerWriter::AnswerWriter(Connection& connection,
                           std::string head,
                           Body body,
                           std::optional<std::uint64_t> length)
    : connection_(connection),
      head_(std::make_shared<Head>()),
      body_(body),
      piece_(std::clamp<std::uint64_t>(length.value_or(kPiece), 1, kPiece)),
      buffer_(kPrefix + piece_ + kLineEnd.size()) {
  head_->unsent = std::move(head);
}

AnswerWriter::~AnswerWriter() { head_->may_go_alone = false; }

void AnswerWriter::send_head_soon(const asio::any_io_executor& executor) {
  timer_.emplace(executor, kHeadWaits);
  timer_->async_wait(
      [&connection = connection_, weak = std::weak_ptr(head_)](const boost::system::error_code&) {
        const auto head = weak.lock();
        if (!head || !head->may_go_alone) return;
        // Whatever does not fit goes with the first piece.
        head->begun = true;
        head->unsent.erase(0, connection.send_now(head->unsent));
      });
}

bool AnswerWriter::withdraw() {
  head_->may_go_alone = false;
  return !head_->begun;
}

std::span<std::byte> AnswerWriter::room() { return std::span(buffer_).subspan(kPrefix, piece_); }

asio::awaitable<Io> AnswerWriter::send(std::size_t size, Then then) {
  auto begin = kPrefix;
  auto end = kPrefix + size;
  if (body_ != Body::plain && size > 0) {
    const auto prefix = http::chunk_header(size);
    begin -= prefix.size();
    std::memcpy(buffer_.data() + begin, prefix.data(), prefix.size());
    std::memcpy(buffer_.data() + end, kLineEnd.data(), kLineEnd.size());
    end += kLineEnd.size();
  }
  std::string last;
  if (then == Then::end && body_ != Body::plain) {
    last = kLastChunk;
    if (body_ == Body::with_outcome) add_header(last, protocol::kOutcome, "ok");
    last += kLineEnd;
  }
  const auto piece = text_of(std::span(buffer_).subspan(begin, end - begin));
  co_return co_await send_parts(piece, last);
}

asio::awaitable<bool> AnswerWriter::fail(const Error& error) {
  if (body_ != Body::with_outcome) co_return false;
  std::string last(kLastChunk);
  add_header(last, protocol::kOutcome, "error");
  add_header(last, protocol::kError, to_string(error.code));
  if (!error.reason.empty()) add_header(last, protocol::kReason, error.reason);
  add_header(last, protocol::kMessage, percent_encode(error.message));
  last += kLineEnd;
  const std::string_view no_piece;
  const auto sent = co_await send_parts(no_piece, last);
  co_return sent == Io::ok;
}

asio::awaitable<Io> AnswerWriter::send_parts(std::string_view piece, std::string_view end) {
  if (timer_) timer_->cancel();
  head_->may_go_alone = false;
  head_->begun = true;
  const auto head = std::exchange(head_->unsent, {});
  const std::array<std::string_view, 3> parts = {head, piece, end};
  connection_.limit(kPatience);
  const auto sent = co_await connection_.send(parts);
  connection_.no_limit();
  co_return sent;
}

}  // namespace aivault::server
