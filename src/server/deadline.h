// Deadline: one time limit at a time; when it passes, whatever is waited for is interrupted.
// Moving it back costs no system call.
// Thread: the event loop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

namespace aivault::server {

class Deadline {
 public:
  Deadline(const boost::asio::any_io_executor& executor, std::function<void()> interrupt);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(std::chrono::milliseconds from_now);  // Forgets that an earlier one passed.
  void clear();
  bool expired() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Outlives us only until its timer handler has run.
};

}  // namespace aivault::server
