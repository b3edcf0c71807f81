#include "upstream/body_upload.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace aivault::upstream {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPiece = std::size_t{32} << 10U;
// Room for the hexadecimal size of a piece and its line end, and for the line end behind it.
constexpr std::size_t kChunkPrefix = 10;
constexpr std::size_t kChunkSuffix = 2;

tl::unexpected<Error> wrong_length(const char* how) {
  return invalid_request("body_length",
                         std::string("the request body is ") + how + " than was announced");
}

// Writes "1f4\r\n" so that it ends where the data begins; returns where it begins.
std::size_t put_chunk_prefix(std::span<std::byte> prefix, std::size_t size) {
  std::array<char, kChunkPrefix> line{};
  auto* end = std::to_chars(line.data(), line.data() + line.size() - 2, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  const auto length = static_cast<std::size_t>(end - line.data());
  const auto begin = prefix.size() - length;
  std::memcpy(prefix.data() + begin, line.data(), length);
  return begin;
}

}  // namespace

BodyUpload::BodyUpload(const asio::any_io_executor& executor,
                       HttpsConnection& connection,
                       BodySource& source,
                       std::optional<std::uint64_t> size,
                       Hooks hooks)
    : connection_(connection),
      source_(source),
      size_(size),
      hooks_(std::move(hooks)),
      ended_(executor, asio::steady_timer::time_point::max()) {}

void BodyUpload::start() {
  asio::co_spawn(ended_.get_executor(),
                 run(),
                 asio::bind_cancellation_slot(stop_.slot(), [this](const std::exception_ptr& why) {
                   exception_ = why;
                   finished_ = true;
                   if (state_ == State::running) state_ = State::cut;
                   if (why && !stopping_) connection_.close();
                   ended_.cancel();
                   if (why && hooks_.on_end) hooks_.on_end();
                 }));
}

asio::awaitable<void> BodyUpload::finish() {
  if (!finished_) {
    stopping_ = true;
    stop_.emit(asio::cancellation_type::all);
  }
  while (!finished_) co_await ended_.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!exception_) co_return;
  try {
    std::rethrow_exception(std::exchange(exception_, nullptr));
  } catch (const boost::system::system_error& error) {
    // A source that was stopped in the middle of a read says so by this exception.
    if (!stopping_ || error.code() != asio::error::operation_aborted) throw;
  }
}

asio::awaitable<void> BodyUpload::run() {
  Result<bool> complete = false;
  if (size_) {
    complete = co_await send_known(*size_);
  } else {
    complete = co_await send_chunked();
  }
  if (stopping_) {
    state_ = State::cut;  // Whatever the interrupted source says is our own doing.
  } else if (!complete) {
    error_ = std::move(complete).error();
    state_ = State::refused;
    connection_.close();  // The upstream must not wait for the rest, nor take it as complete.
  } else {
    state_ = *complete ? State::complete : State::cut;
  }
  // Here and not in the completion handler: an answer could be read before that one runs.
  if (hooks_.on_end) hooks_.on_end();
}

asio::awaitable<bool> BodyUpload::send(std::span<const std::byte> framed, std::size_t body_bytes) {
  const auto sent = co_await connection_.write(framed);
  if (!sent) co_return false;
  bytes_sent_ += body_bytes;
  if (hooks_.on_progress) hooks_.on_progress();
  co_return true;
}

asio::awaitable<Result<bool>> BodyUpload::send_known(std::uint64_t size) {
  std::vector<std::byte> piece(std::min<std::uint64_t>(kPiece, std::max<std::uint64_t>(size, 1)));
  auto left = size;
  std::size_t held = 0;
  while (left > 0) {
    const auto room = std::span(piece).first(std::min<std::uint64_t>(piece.size(), left));
    auto got = co_await source_.read(room);
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0) co_return wrong_length("shorter");
    left -= *got;
    held = *got;
    if (left == 0) break;
    const auto bytes = std::span<const std::byte>(piece).first(held);
    const bool sent = co_await send(bytes, held);
    if (!sent) co_return false;
  }
  std::array<std::byte, 1> beyond{};
  auto more = co_await source_.read(beyond);
  if (!more) co_return fail(std::move(more).error());
  if (*more != 0) co_return wrong_length("longer");
  if (held == 0) co_return true;
  const auto last = std::span<const std::byte>(piece).first(held);
  co_return co_await send(last, held);
}

asio::awaitable<Result<bool>> BodyUpload::send_chunked() {
  std::vector<std::byte> piece(kChunkPrefix + kPiece + kChunkSuffix);
  const std::span buffer(piece);
  for (;;) {
    const auto room = buffer.subspan(kChunkPrefix, kPiece);
    auto got = co_await source_.read(room);
    if (!got) co_return fail(std::move(got).error());
    const auto begin = put_chunk_prefix(buffer.first(kChunkPrefix), *got);
    const auto end = kChunkPrefix + *got;  // The last chunk is "0\r\n" and an empty line.
    std::memcpy(buffer.data() + end, "\r\n", kChunkSuffix);
    const auto framed = std::span<const std::byte>(buffer.subspan(begin, end + 2 - begin));
    const bool sent = co_await send(framed, *got);
    if (!sent) co_return false;
    if (*got == 0) co_return true;
  }
}

}  // namespace aivault::upstream
