#include "broker/socket_relay.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/encoding.h"
#include "base/wipe.h"
#include "broker/random.h"
#include "broker/visible.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;
namespace websocket = http::websocket;
using Opcode = websocket::Opcode;
using Kind = websocket::FrameReader::Piece::Kind;
using Peer = websocket::FrameReader::Peer;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kFirstPiece = std::size_t{2} << 10U;
constexpr std::size_t kPiece = std::size_t{16} << 10U;
constexpr unsigned kPiecesInARow = 64;  // Of messages, before other work gets its turn.
// To close both ends, whatever they do; and of that to wait for the answer to a close frame.
constexpr std::chrono::milliseconds kClosing(1500);
constexpr std::chrono::milliseconds kReply(1000);
constexpr unsigned kNoCode = 1005;            // RFC 6455 7.1.5: none was given.
constexpr unsigned kControlsPerSecond = 100;  // Of one end.

std::uint64_t limit_of(std::uint64_t most, const std::optional<std::int64_t>& policy) {
  return policy ? std::min(most, static_cast<std::uint64_t>(*policy)) : most;
}

websocket::Mask fresh_mask() {
  const auto bytes = random_bytes();
  return {bytes[0], bytes[1], bytes[2], bytes[3]};
}

}  // namespace

SocketRelay::SocketRelay(asio::any_io_executor executor,
                         Opened opened,
                         EndRecord record,
                         RunningCalls::Ticket ticket)
    : executor_(std::move(executor)),
      opened_(std::move(opened)),
      headers_(visible_to_caller(opened_.head.headers, opened_.auth, opened_.forms)),
      messages_(opened_.forms, opened_.limits, opened_.blocked, opened_.scrub),
      up_(Peer::client, limit_of(opened_.max_message, opened_.limits.max_request_bytes)),
      down_(Peer::server, limit_of(opened_.max_message, opened_.limits.max_response_bytes)),
      wake_(executor_),
      last_(executor_),
      active_(Clock::now()),
      opened_at_(active_),
      record_(std::move(record)),
      ticket_(std::move(ticket)) {
  record_.be(CallKind::websocket);
  if (opened_.scrub == AnswerMessages::Scrub::text_only) record_.note("scrub off");
  std::ranges::move(opened_.own_headers, std::back_inserter(headers_));
  const auto& withdrawal = ticket_.withdrawal();
  withdrawal->on_withdrawal([this] {
    ended_by_ = ticket_.withdrawal()->why();
    ended_code_ = websocket::kPolicy;
    wake_.cancel();
  });
}

SocketRelay::~SocketRelay() {
  ticket_.withdrawal()->on_withdrawal(nullptr);
  record_.note_progress({from_caller_, messages_.bytes()});
  record_.tally().replaced(messages_.replaced());
  wipe(opened_.upstream.received.data(), opened_.upstream.received.size());
}

// A WebSocket has no body.
asio::awaitable<Result<std::size_t>> SocketRelay::read(std::span<std::byte> /*into*/) {
  co_return std::size_t{0};
}

void SocketRelay::drain() {
  if (ended_by_) return;
  ended_by_ =
      Error{ErrorCode::vault_unavailable, "shutting_down", "the daemon is shutting down", 0};
  ended_code_ = websocket::kGoingAway;
  wake_.cancel();
}

Error SocketRelay::lost() const {
  return Error{ErrorCode::upstream_unreachable,
               "connection_lost",
               "the connection to " + opened_.peer + " was lost: it ended without a close frame",
               0};
}

void SocketRelay::start(Flow& flow) {
  flow.running = true;
  asio::co_spawn(executor_, pump(flow), [this, &flow](const std::exception_ptr& thrown) {
    flow.thrown = thrown;
    flow.running = false;
    flow.writing = false;
    wake_.cancel();
  });
}

asio::awaitable<std::size_t> SocketRelay::read_from(const Flow& flow, std::span<char> into) {
  if (is_from_caller(flow)) co_return co_await caller_->read(into);
  auto& early = opened_.upstream.received;
  if (!early.empty()) {
    const auto size = std::min(early.size(), into.size());
    std::ranges::copy(text_of(std::span(early).first(size)), into.begin());
    wipe(early.data(), size);
    early.erase(early.begin(), early.begin() + static_cast<std::ptrdiff_t>(size));
    co_return size;
  }
  const auto room = std::as_writable_bytes(into);
  const auto got = co_await opened_.upstream.connection->read_some(room);
  co_return got.value_or(0);
}

// Of what `flow` has passed on.
asio::awaitable<bool> SocketRelay::write_to(Flow& flow, const std::string& frames) {
  flow.writing = true;
  flow.write_began = Clock::now();
  bool written = false;
  if (is_from_caller(flow)) {
    const auto bytes = bytes_of(frames);
    const auto sent = co_await opened_.upstream.connection->write(bytes);
    written = sent.has_value();
  } else {
    written = co_await caller_->write(frames);
  }
  flow.writing = false;
  wake_.cancel();
  co_return written;
}

asio::awaitable<void> SocketRelay::pump(Flow& flow) {
  std::vector<char> buffer(kFirstPiece);
  while (!stopping_ && !flow.close && !flow.ended && !flow.error && !flow.lost_target) {
    const auto got = co_await read_from(flow, buffer);
    if (stopping_) break;
    if (got == 0) {
      flow.ended = true;
      break;
    }
    active_ = Clock::now();
    auto in = std::span(buffer).first(got);
    bool goes_on = true;
    while (goes_on && !in.empty()) goes_on = co_await pass_on(flow, in, buffer.size());
    wipe(buffer.data(), got);
    if (!goes_on) break;
    const auto size = room_after(flow, got, buffer.size());
    if (size != buffer.size()) std::vector<char>(size).swap(buffer);
  }
}

// The first of what is in `in`. False: this was the last of the flow.
asio::awaitable<bool> SocketRelay::pass_on(Flow& flow, std::span<char>& in, std::size_t room) {
  std::string frames;
  take(flow, in, frames);
  const auto held = hold(flow, std::max(flow.held, room + frames.capacity()));
  if (!held && !ended_by_) {
    ended_by_ = held.error();
    ended_code_ = websocket::kTryAgain;
  }
  if (held && !frames.empty() && !stopping_) {
    const bool written = co_await write_to(flow, frames);
    if (!written) flow.lost_target = true;
  }
  wipe(frames);
  const bool goes_on = held && !stopping_ && !flow.close && !flow.error && !flow.lost_target;
  // Many small messages cost much; others get their turn between them.
  if (goes_on && !in.empty()) co_await asio::post(executor_, asio::use_awaitable);
  co_return goes_on;
}

// Most sockets are quiet most of the time; a busy one gets room, if there is any.
std::size_t SocketRelay::room_after(Flow& flow, std::size_t got, std::size_t room) {
  const auto wanted = got == room ? kPiece : got < kFirstPiece ? kFirstPiece : room;
  // What is read, and the frames that it becomes, which grow as they are made.
  const auto granted = hold(flow, 3 * wanted);
  return granted ? wanted : room;
}

Result<void> SocketRelay::hold(Flow& flow, std::size_t bytes) {
  bytes = std::max(bytes, kQuietSocket / 2);
  TRY(caller_->hold(bytes + other_than(flow).held));
  flow.held = bytes;
  return {};
}

void SocketRelay::take(Flow& flow, std::span<char>& in, std::string& frames) {
  for (unsigned pieces = 0; pieces < kPiecesInARow && !flow.close && !flow.error; ++pieces) {
    const auto piece = flow.reader.next(in);
    if (!piece) {
      const auto [code, what] = piece.error();
      const bool too_big = code == websocket::kTooBig;
      const bool ours = is_from_caller(flow);
      Error why{ours ? ErrorCode::invalid_request : ErrorCode::upstream_unreachable,
                ours ? "http_syntax" : "protocol",
                "WebSocket: " + std::string(what),
                0};
      if (too_big) {
        why.code = ErrorCode::policy_violation;
        why.reason = ours ? "body_too_large" : "response_too_large";
      }
      return refuse(flow, code, std::move(why));
    }
    if (piece->kind == Kind::nothing) return;
    take_piece(flow, *piece, frames);
  }
}

void SocketRelay::refuse(Flow& flow, std::uint16_t code, Error why) {
  flow.code = code;
  flow.error = std::move(why);
}

void SocketRelay::take_piece(Flow& flow, const Piece& piece, std::string& frames) {
  if (piece.kind == Kind::close) {
    flow.close = piece.close;
    if (!is_from_caller(flow)) flow.close->reason = messages_.clean(piece.close.reason);
  } else if (piece.kind != Kind::data) {
    pass_control(flow, piece, frames);
  } else if (is_from_caller(flow)) {
    using enum websocket::End;
    from_caller_ += piece.bytes.size();
    if (piece.bytes.empty() && !piece.ends && !piece.begins) return;
    websocket::append_frame(frames,
                            piece.begins ? piece.message : Opcode::continuation,
                            piece.ends ? of_message : of_fragment,
                            piece.bytes,
                            fresh_mask());
  } else if (auto added = messages_.add(piece, frames); !added) {
    refuse(flow, websocket::kTooBig, std::move(added).error());
  }
}

void SocketRelay::pass_control(Flow& flow, const Piece& piece, std::string& frames) {
  const auto now = Clock::now();
  if (now - flow.second_began >= std::chrono::seconds(1)) {
    flow.second_began = now;
    flow.controls = 0;
  }
  if (++flow.controls > kControlsPerSecond) {
    Error why{ErrorCode::invalid_request, "http_syntax", "WebSocket: too many control frames", 0};
    if (!is_from_caller(flow)) {
      why.code = ErrorCode::upstream_unreachable;
      why.reason = "protocol";
    }
    return refuse(flow, websocket::kPolicy, std::move(why));
  }
  const bool ours = is_from_caller(flow);
  auto payload = ours ? std::string(piece.bytes) : messages_.clean(piece.bytes);
  payload.resize(std::min(payload.size(), websocket::kMaxControl));
  websocket::append_frame(frames,
                          piece.kind == Kind::ping ? Opcode::ping : Opcode::pong,
                          websocket::End::of_message,
                          payload,
                          ours ? std::optional(fresh_mask()) : std::nullopt);
}

std::optional<Error> SocketRelay::time_is_up(Clock::time_point now) const {
  const auto stalled = [&](const Flow& flow) {
    return flow.writing && now - flow.write_began >= opened_.idle;
  };
  const auto timeout = [this](std::string reason, const std::string& what) {
    return Error{ErrorCode::upstream_unreachable,
                 std::move(reason),
                 "the WebSocket to " + opened_.peer + what,
                 0};
  };
  if (now - active_ >= opened_.idle || stalled(up_) || stalled(down_)) {
    return timeout("timeout_idle", " was idle for too long");
  }
  if (opened_.lifetime && now - opened_at_ >= *opened_.lifetime) {
    return timeout("timeout_total", " lasted as long as it may");
  }
  return std::nullopt;
}

bool SocketRelay::is_over() const {
  const auto over = [](const Flow& flow) {
    return !flow.running || flow.close || flow.ended || flow.error || flow.lost_target;
  };
  return over(up_) || over(down_) || ended_by_ || cancelled_;
}

asio::awaitable<void> SocketRelay::wait_until_over() {
  const auto before = co_await asio::this_coro::cancellation_state;
  cancelled_ = before.cancelled() != asio::cancellation_type::none;
  while (!is_over()) {
    auto next = active_ + opened_.idle;
    for (const auto* flow : {&up_, &down_}) {
      if (flow->writing) next = std::min(next, flow->write_began + opened_.idle);
    }
    if (opened_.lifetime) next = std::min(next, opened_at_ + *opened_.lifetime);
    wake_.expires_at(next);
    co_await wake_.async_wait(kAsTuple);
    const auto state = co_await asio::this_coro::cancellation_state;
    cancelled_ = state.cancelled() != asio::cancellation_type::none;
    if (is_over()) co_return;
    ended_by_ = time_is_up(Clock::now());
    ended_code_ = websocket::kGoingAway;
  }
}

// Writes the close frame to where `writer` writes, once nothing else is written there.
asio::awaitable<void> SocketRelay::send_close(Flow& writer, const Close& close) {
  while (writer.writing && last_.expiry() > Clock::now()) {
    wake_.expires_at(last_.expiry());
    co_await wake_.async_wait(kAsTuple);
  }
  if (writer.writing || writer.lost_target) co_return;
  const bool to_upstream = is_from_caller(writer);
  std::string frame;
  websocket::append_frame(frame,
                          Opcode::close,
                          websocket::End::of_message,
                          websocket::close_payload(close),
                          to_upstream ? std::optional(fresh_mask()) : std::nullopt);
  const bool written = co_await write_to(writer, frame);
  if (!written) writer.lost_target = true;
}

asio::awaitable<void> SocketRelay::wait_for_close(const Flow& flow) {
  const auto until = last_.expiry() - (kClosing - kReply);
  while (flow.running && !flow.close && until > Clock::now() && !cancelled_ && !ended_by_) {
    wake_.expires_at(until);
    co_await wake_.async_wait(kAsTuple);
    const auto state = co_await asio::this_coro::cancellation_state;
    cancelled_ = state.cancelled() != asio::cancellation_type::none;
  }
}

// The source of `closed` has sent a close frame, which goes on; the answer to it comes back, or
// what it said itself if none comes in time.
asio::awaitable<SocketRelay::Farewell> SocketRelay::close_after(Flow& closed, Flow& other) {
  const auto said = *closed.close;
  co_await send_close(closed, said);
  co_await wait_for_close(other);
  stopping_ = true;
  const auto answer = other.close.value_or(said);
  co_await send_close(other, answer);
  const unsigned code = said.code == 0 ? kNoCode : said.code;
  record_.note("closed " + std::to_string(code) + " by the " +
               (is_from_caller(closed) ? "caller" : "upstream"));
  co_return Farewell{{}, {}, std::nullopt};
}

SocketRelay::Farewell SocketRelay::farewell_to_all() {
  if (ended_by_) {
    return {{ended_code_, ended_by_->message}, {websocket::kGoingAway, ""}, ended_by_};
  }
  if (up_.error) {
    return {{up_.code, up_.error->message}, {websocket::kGoingAway, ""}, up_.error};
  }
  if (down_.error) {
    const auto code = down_.code == websocket::kTooBig ? down_.code : websocket::kFailed;
    const auto text = messages_.clean(down_.error->message);
    return {{code, text}, {down_.code, ""}, down_.error};
  }
  return {{websocket::kFailed, lost().message}, {websocket::kGoingAway, ""}, lost()};
}

asio::awaitable<void> SocketRelay::say_farewell(Farewell farewell) {
  stopping_ = true;
  co_await send_close(down_, farewell.to_caller);
  co_await send_close(up_, farewell.to_upstream);
}

void SocketRelay::interrupt_all() {
  stopping_ = true;
  caller_->interrupt();
  opened_.upstream.connection->close();
}

asio::awaitable<void> SocketRelay::stop_flows() {
  interrupt_all();
  while (up_.running || down_.running) {
    wake_.expires_at(Clock::time_point::max());
    co_await wake_.async_wait(kAsTuple);
  }
  last_.cancel();
}

asio::awaitable<Result<void>> SocketRelay::run(CallerStream& caller) {
  // A cancelled relay still has to wait for its flows, so cancellation must not throw meanwhile.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  caller_ = &caller;
  start(up_);
  start(down_);
  co_await wait_until_over();
  // A late alarm must not find anything.
  const auto closing = std::make_shared<int>();
  last_.expires_after(kClosing);
  last_.async_wait([this, weak = std::weak_ptr(closing)](const boost::system::error_code& error) {
    if (!error && !weak.expired()) interrupt_all();
  });
  // What cannot be written to any more may have said why.
  if (up_.lost_target && !ended_by_) co_await wait_for_close(down_);
  Farewell farewell;
  const bool caller_is_gone = cancelled_ || up_.ended || down_.lost_target;
  const bool broken = ended_by_ || up_.error || down_.error;
  if (!broken && (up_.close || down_.close)) {
    auto& closed = up_.close ? up_ : down_;
    farewell = co_await close_after(closed, other_than(closed));
  } else if (broken || (!caller_is_gone && !up_.thrown && !down_.thrown)) {
    farewell = farewell_to_all();
    co_await say_farewell(farewell);
  }
  co_await stop_flows();
  co_await asio::this_coro::throw_if_cancelled(throws);
  for (const auto& thrown : {up_.thrown, down_.thrown}) {
    if (thrown) std::rethrow_exception(thrown);
  }
  const bool dropped = caller_is_gone && !farewell.error && !up_.close && !down_.close;
  if (dropped) {
    record_.note_progress({from_caller_, messages_.bytes()});
    co_return fail(ErrorCode::upstream_unreachable, "connection_lost", "cancelled by caller");
  }
  co_return finish_record(farewell.error);
}

Result<void> SocketRelay::finish_record(const std::optional<Error>& error) {
  if (messages_.changed() > 0) {
    record_.note("replaced text in " + std::to_string(messages_.changed()) + " messages");
  }
  const EndRecord::Bytes bytes{from_caller_, messages_.bytes()};
  if (error) {
    record_.error(*error, bytes);
    return fail(*error);
  }
  record_.ok(status(), bytes);
  return {};
}

}  // namespace aivault::broker
