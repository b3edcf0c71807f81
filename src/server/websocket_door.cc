#include <chrono>
#include <cstring>
#include <utility>

#include "protocol/envelope.h"
#include "protocol/error_body.h"
#include "server/control.h"
#include "server/new_call.h"
#include "server/turn.h"
#include "server/websocket.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
namespace websocket = http::websocket;
using Kind = websocket::FrameReader::Piece::Kind;

constexpr std::chrono::seconds kFirstMessage(10);
constexpr std::size_t kMaxFirstMessage = std::size_t{64} << 10U;
constexpr std::size_t kPiece = std::size_t{4} << 10U;
constexpr unsigned kMaxControls = 16;  // Before the first message.

// What a connection holds before its call is carried out: the text and what it is read into.
std::size_t room_of(std::size_t text) { return broker::kQuietSocket + 4 * text; }

// How a connection ends on which nothing was opened.
struct Refusal {
  std::uint16_t code = websocket::kPolicy;
  Error error;
};

Refusal refusal(Error error) {
  using enum ErrorCode;
  const bool is_upstreams = error.code == upstream_unreachable || error.code == auth_failed ||
                            error.code == oauth_refresh_required || error.reason == "internal";
  return {is_upstreams ? websocket::kFailed : websocket::kPolicy, std::move(error)};
}

Refusal refusal(const websocket::Violation& violation) {
  Error error{ErrorCode::invalid_request,
              violation.code == websocket::kTooBig ? "envelope_json" : "http_syntax",
              "WebSocket: " + std::string(violation.what),
              0};
  return {violation.code, std::move(error)};
}

asio::awaitable<void> send_frame(Turn& turn, websocket::Opcode opcode, std::string payload) {
  std::string frame;
  websocket::append_frame(frame, opcode, websocket::End::of_message, payload, std::nullopt);
  const std::array<std::string_view, 1> parts = {frame};
  co_await turn.send(parts);
}

asio::awaitable<void> refuse_socket(Turn& turn, Refusal why, Ending& ending) {
  ending.ended(why.error);
  co_await send_frame(turn, websocket::Opcode::text, protocol::to_json(why.error));
  if (!turn.connection.is_open()) co_return;
  const websocket::Close close{why.code, why.error.message};
  auto payload = websocket::close_payload(close);
  co_await send_frame(turn, websocket::Opcode::close, std::move(payload));
}

// The first message of a caller, whole. What follows it stays with the connection.
class FirstMessage {
 public:
  // `memory` holds it.
  FirstMessage(Turn& turn, MemoryBudget::Share& memory)
      : turn_(turn),
        memory_(memory),
        reader_(websocket::FrameReader::Peer::client, kMaxFirstMessage) {}

  // Unset: the caller is gone, or has closed and was answered.
  asio::awaitable<std::optional<Result<std::string>>> read();
  std::uint16_t code() const { return code_; }  // With an error.

 private:
  std::optional<Result<std::string>> take();
  asio::awaitable<bool> answer_controls();
  Result<std::string> shutting_down() {
    code_ = websocket::kGoingAway;
    return vault_unavailable("shutting_down", "the daemon is shutting down");
  }
  Result<std::string> late() const {
    return policy_violation("body_mode", "no message came within 10 s");
  }

  Turn& turn_;
  MemoryBudget::Share& memory_;
  websocket::FrameReader reader_;
  std::uint16_t code_ = websocket::kPolicy;
  std::string text_;
  std::vector<std::pair<websocket::Opcode, std::string>>
      owed_;  // Pongs, and the answer to a close.
  bool closed_ = false;
  unsigned controls_ = 0;
};

// One piece of what is received.
std::optional<Result<std::string>> FirstMessage::take() {
  const auto waiting = turn_.connection.received();
  std::array<char, kPiece> buffer{};
  const auto size = std::min(waiting.size(), buffer.size());
  std::memcpy(buffer.data(), waiting.data(), size);
  std::span<char> in(buffer.data(), size);
  const auto piece = reader_.next(in);
  turn_.connection.consume(size - in.size());
  if (!piece) {
    auto why = refusal(piece.error());
    code_ = why.code;
    return fail(std::move(why.error));
  }
  switch (piece->kind) {
    case Kind::nothing: break;
    case Kind::data:
      if (piece->message != websocket::Opcode::text) {
        return invalid_request("envelope_json",
                               "invalid envelope JSON: the first message must be text");
      }
      if (auto room = memory_.hold(room_of(text_.size() + piece->bytes.size())); !room) {
        code_ = websocket::kTryAgain;
        return fail(std::move(room).error());
      }
      text_ += piece->bytes;
      if (piece->ends) return std::move(text_);
      break;
    case Kind::ping:
    case Kind::pong:
      if (++controls_ > kMaxControls) {
        return invalid_request("http_syntax", "WebSocket: too many control frames");
      }
      if (piece->kind == Kind::ping) {
        owed_.emplace_back(websocket::Opcode::pong, std::string(piece->bytes));
      }
      break;
    case Kind::close:
      closed_ = true;
      owed_.emplace_back(websocket::Opcode::close, websocket::close_payload(piece->close));
      break;
  }
  return std::nullopt;
}

asio::awaitable<bool> FirstMessage::answer_controls() {
  for (auto& [opcode, payload] : std::exchange(owed_, {})) {
    co_await send_frame(turn_, opcode, std::move(payload));
    if (!turn_.connection.is_open()) co_return false;
  }
  co_return !closed_;
}

asio::awaitable<std::optional<Result<std::string>>> FirstMessage::read() {
  const auto until = std::chrono::steady_clock::now() + kFirstMessage;
  for (;;) {
    while (!turn_.connection.received().empty()) {
      auto taken = take();
      if (taken) co_return taken;
      const bool goes_on = co_await answer_controls();
      if (!goes_on) co_return std::nullopt;
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) co_return late();
    turn_.connection.limit(left);
    const auto io = co_await turn_.connection.receive();
    turn_.connection.no_limit();
    if (io == Io::late) co_return late();
    if (turn_.core.draining) co_return shutting_down();
    if (io != Io::ok) co_return std::nullopt;
  }
}

Error websocket_refused(int status) {
  return Error{
      ErrorCode::upstream_unreachable,
      "websocket_refused",
      "the upstream answered the WebSocket handshake with status " + std::to_string(status),
      0};
}

// What is said of the call before its first message.
Result<Control> control_of(const Turn& turn) {
  TRY(check_caller(turn));
  TRY_ASSIGN(auto control, parse_control(turn.head.headers));
  if (control.client_ip) TRY(turn.core.broker.check_client(*control.client_ip));
  return control;
}

broker::Call call_of(const Turn& turn, Control control, protocol::SocketOpening opening) {
  auto call = new_call(turn, std::move(control));
  call.envelope = std::move(opening.envelope);
  call.upgrade = std::move(opening.protocols);
  return call;
}

}  // namespace

asio::awaitable<void> answer_websocket(Turn& turn, std::function<void()> cancel) {
  Ending ending(turn);
  auto control = control_of(turn);
  if (!control) {
    co_await refuse_call(turn, std::move(control).error(), 0, ending);
    co_return;
  }
  auto opening = co_await take_opening(turn, ending);
  if (!opening) co_return;
  const HangupWatch watch(turn.core.loop, turn.connection, turn.caller.door, std::move(cancel));
  const http::Headers none;
  const std::string no_protocol;
  const bool accepted = co_await accept_opening(turn, *opening, no_protocol, none);
  if (!accepted) co_return;

  MemoryBudget::Share memory(turn.core.memory, turn.caller.uid, turn.caller.is_operator);
  FirstMessage first(turn, memory);
  turn.at_drain([&connection = turn.connection] { connection.interrupt(); });
  auto text = co_await first.read();
  turn.at_drain(nullptr);
  if (!text) co_return;
  auto wanted = *text ? protocol::parse_socket_opening(**text)
                      : Result<protocol::SocketOpening>(fail(text->error()));
  if (!wanted) {
    Refusal why{first.code(), std::move(wanted).error()};
    turn.core.broker.record_refusal(turn.caller, turn.id, why.error);
    co_await refuse_socket(turn, std::move(why), ending);
    co_return;
  }
  auto call = call_of(turn, *std::move(control), *std::move(wanted));
  text.reset();
  (void)memory.hold(broker::kQuietSocket);  // Less than before.
  auto answer = co_await turn.core.broker.invoke(std::move(call));
  if (!answer) {
    auto why = refusal(std::move(answer).error());
    co_await refuse_socket(turn, std::move(why), ending);
    co_return;
  }
  ending.progress.status = (*answer)->status();
  if (auto* socket = (*answer)->socket()) {
    co_await relay_socket(turn, *socket, memory, ending);
    co_return;
  }
  auto why = refusal(websocket_refused((*answer)->status()));
  co_await refuse_socket(turn, std::move(why), ending);
}

}  // namespace aivault::server
