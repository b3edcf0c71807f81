#include "upstream/exchange.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "base/encoding.h"
#include "base/wipe.h"
#include "upstream/response_check.h"
#include "upstream/websocket_accept.h"

namespace aivault::upstream {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kBuffer = std::size_t{16} << 10U;  // One TLS record.
constexpr unsigned kMaxInterimAnswers = 16;              // 100, 102, 103.
constexpr int kSwitchingProtocols = 101;
constexpr int kFirstFinalStatus = 200;

}  // namespace

Exchange::Exchange(asio::any_io_executor executor,
                   Pool::Lease lease,
                   std::unique_ptr<Deadlines> deadlines,
                   http::Authority host,
                   Outgoing outgoing)
    : executor_(std::move(executor)),
      lease_(std::move(lease)),
      deadlines_(std::move(deadlines)),
      host_(std::move(host)),
      outgoing_(std::move(outgoing)),
      parser_(outgoing_.asked) {}

Exchange::~Exchange() { wipe(buffer_.data(), buffer_.size()); }

Error Exchange::lost(std::string_view why) const {
  return Error{ErrorCode::upstream_unreachable,
               "connection_lost",
               "the connection to " + host_.text() + " was lost: " + std::string(why),
               0};
}

Error Exchange::refused(std::string_view what) const {
  return Error{ErrorCode::upstream_unreachable,
               "protocol",
               "the answer of " + host_.text() + " is not valid HTTP/1.1: " + std::string(what),
               0};
}

std::string_view Exchange::received() const {
  return {reinterpret_cast<const char*>(buffer_.data()) + begin_, end_ - begin_};
}

bool Exchange::nothing_was_sent() const {
  return connection_ && connection_->wire_bytes_sent() == wire_bytes_before_;
}

asio::awaitable<Result<void>> Exchange::start(std::unique_ptr<HttpsConnection> connection,
                                              const auth::SignedRequest& request,
                                              BodySource* body) {
  connection_ = std::move(connection);
  wire_bytes_before_ = connection_->wire_bytes_sent();
  buffer_.resize(kBuffer);
  reusable_ = !outgoing_.closes_connection;
  deadlines_->begin(Deadlines::Limit::idle);
  deadlines_->on_expiry([this] {
    if (connection_) connection_->close();
  });
  Result<void> answered = co_await connection_->write_head(request.head());
  if (answered) {
    deadlines_->touch();
    if (body == nullptr) {
      request_is_sent();
      answered = co_await read_head();
    } else {
      answered = co_await read_head_while_uploading(*body);
    }
  }
  if (!answered) {
    connection_->close();
    co_return fail(deadlines_->explain(std::move(answered).error()));
  }
  if (!upgraded_ && parser_.done()) complete();
  co_return Result<void>();
}

asio::awaitable<Result<void>> Exchange::read_head_while_uploading(BodySource& body) {
  BodyUpload::Hooks hooks;
  hooks.on_progress = [this] { deadlines_->touch(); };
  hooks.on_end = [this] { request_is_sent(); };
  BodyUpload upload(executor_, *connection_, body, outgoing_.body_size, std::move(hooks));
  upload.start();
  Result<void> answered = fail(lost("no answer"));
  std::exception_ptr thrown;
  try {
    answered = co_await read_head();
  } catch (...) {
    thrown = std::current_exception();
  }
  co_await upload.finish();
  if (thrown) std::rethrow_exception(thrown);
  request_bytes_ = upload.bytes_sent();
  if (const auto& error = upload.error()) co_return fail(*error);
  // The rest of the request was never sent, so nothing else may follow on this connection.
  if (upload.state() != BodyUpload::State::complete) reusable_ = false;
  co_return answered;
}

void Exchange::request_is_sent() {
  if (answered_) {
    // An answer to what was not yet asked: the peer's idea of where messages end may differ.
    reusable_ = false;
    return;
  }
  // The server may think for as long as first_byte allows, although no byte moves.
  deadlines_->end(Deadlines::Limit::idle);
  deadlines_->begin(Deadlines::Limit::first_byte);
}

asio::awaitable<Result<void>> Exchange::read_head() {
  for (;;) {
    auto got = co_await receive();
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0) co_return fail(lost("it ended before the answer"));
    if (!answered_) {
      answered_ = true;
      deadlines_->end(Deadlines::Limit::first_byte);
      deadlines_->begin(Deadlines::Limit::idle);
    }
    auto complete = parse_head();
    if (!complete) co_return fail(std::move(complete).error());
    if (*complete) co_return Result<void>();
  }
}

Result<bool> Exchange::parse_head() {
  for (;;) {
    const auto text = received();
    const auto end = text.find("\r\n\r\n", scanned_);
    if (end == std::string_view::npos) {
      TRY(check_response_start(text));
      if (text.size() >= kMaxResponseHead) return fail(refused("head too large"));
      scanned_ = text.size() > 3 ? text.size() - 3 : 0;
      return false;
    }
    ResponseParser parser(outgoing_.asked);
    const auto raw = text.substr(0, end + 4);
    TRY_ASSIGN(auto head, parser.parse_head(raw));
    begin_ += raw.size();
    scanned_ = 0;
    if (head.status == kSwitchingProtocols) {
      TRY(accept_upgrade(std::move(head)));
      return true;
    }
    if (head.status >= kFirstFinalStatus) {
      head_ = std::move(head);
      parser_ = std::move(parser);
      return true;
    }
    if (++interim_answers_ > kMaxInterimAnswers) return fail(refused("too many interim answers"));
    if (begin_ == end_) return false;
  }
}

Result<void> Exchange::accept_upgrade(ResponseHead head) {
  if (outgoing_.websocket_key.empty()) return fail(refused("an upgrade nobody asked for"));
  TRY_ASSIGN(protocol_, check_accepted(head, outgoing_.websocket_key, outgoing_.protocols));
  head_ = std::move(head);
  head_.body_expected = false;
  upgraded_ = true;
  return {};
}

std::optional<Exchange::Upgraded> Exchange::take_upgraded() {
  if (!upgraded_ || !connection_) return std::nullopt;
  Upgraded taken;
  const auto rest = bytes_of(received());
  taken.received.assign(rest.begin(), rest.end());
  taken.protocol = protocol_;
  taken.connection = std::move(connection_);
  finished_ = true;
  deadlines_->clear();
  lease_ = {};
  return taken;
}

asio::awaitable<Result<std::size_t>> Exchange::receive() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (end_ == buffer_.size() && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  } else if (end_ == buffer_.size()) {
    // Only a head may need more than one buffer; its size was checked.
    if (buffer_.size() >= kMaxResponseHead) co_return fail(refused("line too long"));
    std::vector<std::byte> larger(buffer_.size() * 2);
    std::ranges::copy(buffer_, larger.begin());
    wipe(buffer_.data(), buffer_.size());
    buffer_ = std::move(larger);
  }
  const auto free = std::span(buffer_).subspan(end_);
  auto got = co_await connection_->read_some(free);
  if (got) {
    end_ += *got;
    deadlines_->touch();
  }
  co_return got;
}

asio::awaitable<Result<std::size_t>> Exchange::read(std::span<std::byte> into) {
  auto got = co_await read_unless_late(into, std::nullopt);
  if (!got) co_return fail(std::move(got).error());
  co_return got->value_or(0);
}

asio::awaitable<Result<std::optional<std::size_t>>> Exchange::read_before(std::span<std::byte> into,
                                                                          Clock::time_point when) {
  co_return co_await read_unless_late(into, when);
}

asio::awaitable<Result<std::optional<std::size_t>>> Exchange::read_unless_late(
    std::span<std::byte> into, std::optional<Clock::time_point> when) {
  if (failure_) co_return fail(*failure_);
  if (finished_) co_return std::size_t{0};
  auto got = co_await read_body(into, when);
  if (!got && !failure_) {
    failure_ = deadlines_->explain(std::move(got).error());
    connection_.reset();
    lease_ = {};
    deadlines_->clear();
  }
  if (failure_) co_return fail(*failure_);
  co_return got;
}

asio::awaitable<Result<std::optional<std::size_t>>> Exchange::read_body(
    std::span<std::byte> into, std::optional<Clock::time_point> when) {
  for (;;) {
    if (begin_ < end_) {
      auto step = parser_.parse_body(received(), into);
      if (!step) co_return fail(std::move(step).error());
      begin_ += step->consumed;
      if (parser_.done()) complete();
      if (step->produced > 0 || finished_) co_return step->produced;
      if (step->consumed > 0 && begin_ < end_) continue;
    }
    if (when) {
      const bool readable = co_await connection_->is_readable_before(*when);
      if (!readable) co_return std::nullopt;
    }
    auto got = co_await receive();
    if (!got) co_return fail(std::move(got).error());
    if (*got > 0) continue;
    if (!parser_.ends_with_connection() || begin_ < end_) {
      co_return fail(lost("it ended before the end of the answer"));
    }
    complete();
    co_return std::size_t{0};
  }
}

void Exchange::complete() {
  finished_ = true;
  deadlines_->clear();
  const bool clean = reusable_ && begin_ == end_ && parser_.done() && parser_.keeps_connection();
  if (clean) lease_.keep(std::move(connection_));
  connection_.reset();
  lease_ = {};
}

void Exchange::cancel() {
  if (finished_ || failure_) return;
  failure_ = lost("the call was cancelled");
  deadlines_->clear();
  if (connection_) connection_->close();  // A read under way ends by itself.
}

}  // namespace aivault::upstream
