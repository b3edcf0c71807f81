// Session: one connection from accept to close: requests one after another, each answered before
// the next is read.
// Thread: the event loop. Held alive by its own coroutine.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "broker/call.h"
#include "platform/descriptor.h"
#include "platform/peer.h"
#include "server/connection.h"
#include "server/core.h"
#include "server/turn.h"

namespace aivault::server {

// The way in: which door, and of a TCP listener its port (0: any).
struct Entrance {
  broker::Door door = broker::Door::operator_socket;
  std::uint16_t port = 0;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // queued: the connection was waiting when the server began to drain; one request is served.
  enum class Arrival : std::uint8_t { normal, queued };
  Session(std::shared_ptr<Core> core,
          platform::Descriptor connected,
          const platform::Peer& peer,
          Entrance entrance,
          Arrival arrival);

  // `ended` is called once, after the connection is closed.
  void start(std::function<void(Session&)> ended);
  void drain();   // An idle connection ends now, another after its request.
  void cancel();  // Breaks off.
  bool is_idle() const { return idle_; }
  std::chrono::steady_clock::time_point idle_since() const { return idle_since_; }
  std::int64_t uid() const { return caller_.uid; }

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<Session> self);
  boost::asio::awaitable<void> serve();
  boost::asio::awaitable<Io> wait_for_request();
  // Whether another request may follow.
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<Io> receive_head(std::size_t& size);
  boost::asio::awaitable<void> refuse_head(std::string message, int status);
  boost::asio::awaitable<void> dispatch(Turn& turn);
  void record_refused(const Turn& turn, const Route& route, const Error& error);
  boost::asio::awaitable<bool> is_refused_here(Turn& turn, const Route* route);
  boost::asio::awaitable<void> answer(Turn& turn, Route route, std::string_view query);
  bool may_ask(admin::Audience audience, bool shows_token) const;
  bool is_remote() const { return caller_.door == broker::Door::tcp; }
  Result<void> check_shown_token(const Turn& turn, const Route& route) const;
  void end_held_tokens();
  boost::asio::awaitable<void> answer_no_route(Turn& turn, const NoRoute& none);
  boost::asio::awaitable<void> refuse_operator_path(Turn& turn, std::string_view operation);
  boost::asio::awaitable<void> linger();
  void learn_caller();
  std::function<void()> canceller();
  bool is_over_age() const;

  std::shared_ptr<Core> core_;
  Connection connection_;
  broker::Caller caller_;
  std::vector<std::string> held_tokens_;  // They end with the connection.
  std::uint16_t port_;
  bool queued_;
  bool knows_caller_ = false;
  bool idle_ = true;
  std::function<void()> on_drain_;  // Of a request that lasts.
  unsigned requests_ = 0;
  std::chrono::steady_clock::time_point began_, idle_since_;
  boost::asio::cancellation_signal cancel_;
};

}  // namespace aivault::server
