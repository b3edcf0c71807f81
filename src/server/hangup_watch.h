// HangupWatch: the end of the caller's connection ends its call, as long as this lives.
// Thread: the event loop.
#pragma once

#include <functional>
#include <utility>

#include "server/connection.h"

namespace aivault::server {

class HangupWatch {
 public:
  HangupWatch(Connection& connection, std::function<void()> cancel) : connection_(connection) {
    connection_.on_hangup(std::move(cancel));
  }
  ~HangupWatch() { connection_.on_hangup(nullptr); }
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;

 private:
  Connection& connection_;
};

}  // namespace aivault::server
