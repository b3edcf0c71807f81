// StreamPipe: a bounded run of bytes between the event loop and a thread that may block: whoever is
// faster waits for the other.
// Thread: each member says which; one coroutine and one thread. Held by both with shared_ptr.
// Errors: connection_lost `cancelled by caller` once the loop has abandoned it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.h"

namespace aivault::server {

class StreamPipe : public std::enable_shared_from_this<StreamPipe> {
 public:
  explicit StreamPipe(const boost::asio::any_io_executor& loop) : loop_(loop), wake_(loop) {}

  // The thread's side.
  Result<void> write(std::string_view bytes);
  Result<std::size_t> read(std::span<char> into);  // 0: the input has ended.
  void finish();                                   // The thread is done.
  bool is_abandoned() const;

  // The loop's side.
  boost::asio::awaitable<std::string> take();  // Some bytes; none: the thread is done.
  boost::asio::awaitable<bool> give(std::string_view bytes);  // False: the thread is done.
  boost::asio::awaitable<void> finished();                    // The thread is done.
  void end_input();
  void abandon();  // Wakes both; nothing more passes.

 private:
  boost::asio::awaitable<void> wait();
  void wake_loop();

  boost::asio::any_io_executor loop_;
  boost::asio::steady_timer wake_;  // Of the loop.

  mutable std::mutex guard_;  // Of what follows.
  std::condition_variable changed_;
  std::string bytes_;
  bool input_ended_ = false, finished_ = false, abandoned_ = false;
};

}  // namespace aivault::server
