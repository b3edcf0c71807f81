// HangupWatch: the end of the caller's connection ends its call, as long as this lives. Over TCP a
// caller that sends no more is gone.
// Thread: the event loop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "broker/call.h"
#include "server/connection.h"

namespace aivault::server {

class HangupWatch {
 public:
  HangupWatch(const boost::asio::any_io_executor& loop,
              Connection& connection,
              broker::Door door,
              std::function<void()> cancel)
      : connection_(connection) {
    if (door != broker::Door::tcp) {
      connection_.on_hangup(std::move(cancel));
      return;
    }
    state_ = std::make_shared<State>(State{boost::asio::steady_timer(loop), std::move(cancel)});
    look_again(connection, state_);
  }
  ~HangupWatch() {
    connection_.on_hangup(nullptr);
    if (state_) state_->timer.cancel();
  }
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;

 private:
  struct State {
    boost::asio::steady_timer timer;
    std::function<void()> cancel;
  };
  static void look_again(Connection& connection, const std::shared_ptr<State>& state) {
    constexpr std::chrono::milliseconds kPause(250);
    state->timer.expires_after(kPause);
    state->timer.async_wait(
        [&connection, weak = std::weak_ptr(state)](const boost::system::error_code& error) {
          const auto alive = weak.lock();
          if (error || !alive) return;
          if (!connection.peer_sends_no_more()) return look_again(connection, alive);
          const auto now = std::exchange(alive->cancel, nullptr);
          now();
        });
  }

  Connection& connection_;
  std::shared_ptr<State> state_;  // Of a caller over TCP.
};

}  // namespace aivault::server
