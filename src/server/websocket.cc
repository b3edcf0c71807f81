#include "server/websocket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "protocol/headers.h"
#include "server/reply.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

// The daemon's end reaches the relay as long as this lives.
class AtDrain {
 public:
  AtDrain(Turn& turn, broker::Socket& socket) : turn_(turn) {
    turn_.at_drain([&socket] { socket.drain(); });
    if (turn_.core.draining) socket.drain();
  }
  ~AtDrain() { turn_.at_drain(nullptr); }
  AtDrain(const AtDrain&) = delete;
  AtDrain& operator=(const AtDrain&) = delete;

 private:
  Turn& turn_;
};

}  // namespace

asio::awaitable<std::size_t> CallerSocket::read(std::span<char> into) {
  while (!interrupted_) {
    const auto waiting = connection_.received();
    if (!waiting.empty()) {
      const auto size = std::min(waiting.size(), into.size());
      std::memcpy(into.data(), waiting.data(), size);
      connection_.consume(size);
      co_return size;
    }
    std::size_t got = 0;
    const auto room = std::as_writable_bytes(into);
    const auto io = co_await connection_.receive_into(room, got);
    if (io == Io::ok) co_return got;
    if (io != Io::interrupted) break;
  }
  co_return 0;
}

asio::awaitable<bool> CallerSocket::write(std::string_view bytes) {
  if (interrupted_) co_return false;
  const std::array<std::string_view, 1> parts = {bytes};
  const auto sent = co_await connection_.send(parts);
  co_return sent == Io::ok;
}

void CallerSocket::interrupt() {
  interrupted_ = true;
  connection_.interrupt();
}

asio::awaitable<std::optional<http::websocket::Opening>> take_opening(Turn& turn, Ending& ending) {
  constexpr int kUpgradeRequired = 426;
  auto opening = http::websocket::parse_opening(turn.head);
  if (opening) co_return *std::move(opening);
  auto [status, message] = std::move(opening).error();
  Error error{ErrorCode::invalid_request, "http_syntax", std::move(message), 0};
  turn.core.broker.record_refusal(turn.caller, turn.id, error);
  turn.close = true;
  auto answer = error_reply(error, status);
  if (status == kUpgradeRequired) {
    answer.headers.push_back({"sec-websocket-version", std::string(http::websocket::kVersion)});
  }
  co_await turn.reply(std::move(answer));
  ending.ended(error);
  co_return std::nullopt;
}

asio::awaitable<bool> accept_opening(Turn& turn,
                                     const http::websocket::Opening& opening,
                                     const std::string& protocol,
                                     const http::Headers& headers) {
  turn.close = true;  // Nothing else can follow on this connection.
  auto head = status_line(101);
  for (const auto& header : headers) add_header(head, header.name, header.value);
  add_header(head, protocol::kRequestId, turn.id);
  add_header(head, "connection", "Upgrade");
  add_header(head, "upgrade", "websocket");
  add_header(head, "sec-websocket-accept", broker::accept_of(opening.key));
  if (!protocol.empty()) add_header(head, "sec-websocket-protocol", protocol);
  head += "\r\n";
  const std::array<std::string_view, 1> parts = {head};
  co_await turn.send(parts);
  co_return turn.connection.is_open();
}

asio::awaitable<void> carry_out_upgrade(Turn& turn,
                                        broker::Call call,
                                        http::websocket::Opening opening,
                                        Ending& ending) {
  MemoryBudget::Share memory(turn.core.memory, turn.caller.uid, turn.caller.is_operator);
  if (auto room = memory.hold(broker::kQuietSocket); !room) {
    turn.core.broker.record_refusal(turn.caller, turn.id, room.error());
    co_await turn.refuse_body(room.error());
    ending.ended(room.error());
    co_return;
  }
  auto answer = co_await turn.core.broker.invoke(std::move(call));
  if (!answer) {
    co_await turn.refuse_body(answer.error());
    ending.ended(answer.error());
    co_return;
  }
  auto* socket = (*answer)->socket();
  if (socket == nullptr) {
    co_await relay(turn, **answer, AnswerForm::native, ending);
    co_return;
  }
  ending.progress.status = (*answer)->status();
  const bool accepted =
      co_await accept_opening(turn, opening, socket->protocol(), (*answer)->headers());
  if (accepted) co_await relay_socket(turn, *socket, memory, ending);
}

asio::awaitable<void> relay_socket(Turn& turn,
                                   broker::Socket& socket,
                                   MemoryBudget::Share& memory,
                                   Ending& ending) {
  CallerSocket caller(turn.connection, memory);
  const AtDrain at_drain(turn, socket);
  auto ended = co_await socket.run(caller);
  const auto [from_caller, to_caller] = socket.bytes();
  ending.progress.bytes_out = to_caller;
  ending.bytes_in = from_caller;
  if (ended) {
    ending.ended();
  } else {
    ending.ended(ended.error());
  }
}

}  // namespace aivault::server
