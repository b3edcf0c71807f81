// websocket: what the doors of WebSockets share: the opening handshake with the caller, the
// caller's end of the relay, and the relay itself. Thread: the event loop.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "broker/socket.h"
#include "http/websocket.h"
#include "http/websocket_handshake.h"
#include "server/call_answer.h"
#include "server/turn.h"

namespace aivault::server {

// The caller's connection behind the handshake; a limit of its reads is set from outside.
class CallerSocket final : public broker::CallerStream {
 public:
  // `memory`: holds broker::kQuietSocket.
  CallerSocket(Connection& connection, MemoryBudget::Share& memory)
      : connection_(connection), memory_(memory) {}
  boost::asio::awaitable<std::size_t> read(std::span<char> into) override;
  boost::asio::awaitable<bool> write(std::string_view bytes) override;
  void interrupt() override;
  Result<void> hold(std::size_t bytes) override { return memory_.hold(bytes); }

 private:
  Connection& connection_;
  MemoryBudget::Share& memory_;
  bool interrupted_ = false;
};

// nullopt: it was refused, and answered.
boost::asio::awaitable<std::optional<http::websocket::Opening>> take_opening(Turn& turn,
                                                                             Ending& ending);
// The 101: `headers` are those of the answer beyond the handshake. False: the caller is gone.
boost::asio::awaitable<bool> accept_opening(Turn& turn,
                                            const http::websocket::Opening& opening,
                                            const std::string& protocol,
                                            const http::Headers& headers);
// Hands `call`, an upgrade, to the broker, and relays; or the upstream's plain answer.
boost::asio::awaitable<void> carry_out_upgrade(Turn& turn,
                                               broker::Call call,
                                               http::websocket::Opening opening,
                                               Ending& ending);
boost::asio::awaitable<void> relay_socket(Turn& turn,
                                          broker::Socket& socket,
                                          MemoryBudget::Share& memory,
                                          Ending& ending);

}  // namespace aivault::server
