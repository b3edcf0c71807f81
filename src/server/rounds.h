// Rounds: whose request is begun next. In each round of the event loop a few of every uid are, so
// that who asks for much at once delays himself and not the others.
// Thread: the event loop. Errors: boost::system::system_error when the waiting coroutine is
// cancelled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace aivault::server {

class Rounds {
 public:
  explicit Rounds(boost::asio::any_io_executor loop);

  // Returns at once while the uid has asked for little in this round.
  boost::asio::awaitable<void> turn(std::int64_t uid);

 private:
  class Place;
  struct Waiting {
    boost::asio::steady_timer woken;  // By being cancelled.
    bool may_go = false;
  };
  struct Lane {
    std::list<Waiting> waiting;
    std::size_t begun = 0;  // In this round.
  };
  void begin_soon();
  void begin();

  boost::asio::any_io_executor loop_;
  std::unordered_map<std::int64_t, Lane> lanes_;
  bool comes_ = false;  // The next round.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace aivault::server
