#include "server/request_body.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

namespace aivault::server {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// The limit of a connection for as long as one read takes.
class Patience {
 public:
  Patience(Connection& connection, std::chrono::milliseconds time) : connection_(connection) {
    connection_.limit(time);
  }
  ~Patience() { connection_.no_limit(); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  Connection& connection_;
};

}  // namespace

RequestBody::RequestBody(Connection& connection, const http::RequestHead& head)
    : connection_(connection), framing_(head.framing), owes_continue_(head.expects_continue) {
  if (framing_ == http::Framing::length) left_ = head.content_length;
  if (framing_ != http::Framing::chunked) declared_ = left_;
}

bool RequestBody::declared_empty() const { return declared_ == 0; }

bool RequestBody::complete() const {
  return framing_ == http::Framing::chunked ? chunks_.done() : left_ == 0;
}

void RequestBody::set_pace(std::chrono::milliseconds each,
                           std::optional<std::chrono::milliseconds> in_all) {
  each_ = each;
  complete_by_.reset();
  if (in_all) complete_by_ = Clock::now() + *in_all;
}

std::chrono::milliseconds RequestBody::patience() const {
  if (!complete_by_) return each_;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(*complete_by_ - Clock::now());
  return std::clamp(left, std::chrono::milliseconds(0), each_);
}

asio::awaitable<Io> RequestBody::acknowledge() {
  if (!std::exchange(owes_continue_, false)) co_return Io::ok;
  const Patience patience(connection_, each_);
  const std::array<std::string_view, 1> interim = {"HTTP/1.1 100 Continue\r\n\r\n"};
  co_return co_await connection_.send(interim);
}

asio::awaitable<Result<std::size_t>> RequestBody::read(std::span<std::byte> into) {
  if (complete()) co_return std::size_t{0};
  const auto acknowledged = co_await acknowledge();
  if (acknowledged != Io::ok) co_return fail(failed(acknowledged));
  const Patience limited(connection_, patience());
  Result<std::size_t> got = std::size_t{0};
  if (framing_ == http::Framing::chunked) {
    got = co_await read_chunked(into);
  } else {
    got = co_await read_length(into);
  }
  if (got) taken_ += *got;
  co_return got;
}

asio::awaitable<Result<std::size_t>> RequestBody::read_length(std::span<std::byte> into) {
  const auto room = into.first(std::min<std::uint64_t>(into.size(), left_));
  const auto waiting = connection_.received();
  std::size_t got = std::min(room.size(), waiting.size());
  if (got > 0) {
    std::memcpy(room.data(), waiting.data(), got);
    connection_.consume(got);
  } else {
    const auto io = co_await connection_.receive_into(room, got);
    if (io != Io::ok) co_return fail(failed(io));
  }
  left_ -= got;
  co_return got;
}

asio::awaitable<Result<std::size_t>> RequestBody::read_chunked(std::span<std::byte> into) {
  while (!chunks_.done()) {
    if (connection_.received().empty()) {
      const auto io = co_await connection_.receive();
      if (io != Io::ok) co_return fail(failed(io));
    }
    // No more than fits is decoded at once.
    auto step = chunks_.feed(connection_.received().substr(0, into.size()));
    if (!step) {
      failure_ = Failure::syntax;
      co_return fail(std::move(step).error());
    }
    const auto size = step->data.size();
    if (size > 0) std::memcpy(into.data(), step->data.data(), size);
    connection_.consume(step->consumed);
    if (size > 0) co_return size;
  }
  co_return std::size_t{0};
}

Error RequestBody::failed(Io io) {
  const char* what = "the request body ended early";
  if (io == Io::late) {
    failure_ = Failure::late;
    what = "the request body did not arrive in time";
  } else if (io != Io::interrupted) {
    failure_ = Failure::lost;
  }
  return Error{ErrorCode::invalid_request, "http_syntax", what, 0};
}

}  // namespace aivault::server
