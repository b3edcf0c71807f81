// ParentDoor: where the parent of a private daemon passes it connections, a connected unix stream
// socket with each message. What came without one is an error of the parent: it is logged, and
// nothing else happens. Thread: the loop.
#pragma once

#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "platform/descriptor.h"
#include "platform/log.h"

namespace aivault::daemon {

class ParentDoor {
 public:
  struct Hooks {
    std::function<void(platform::Descriptor)> on_connection;
    std::function<void()> on_end;  // Of the parent; once, and nothing comes after it.
  };
  ParentDoor(boost::asio::io_context& loop,
             platform::Log& log,
             platform::Descriptor socket,
             Hooks hooks);

  void begin();

 private:
  void wait();
  // False: the parent is gone.
  bool take_all();

  boost::asio::posix::stream_descriptor socket_;
  platform::Log& log_;
  Hooks hooks_;
};

}  // namespace aivault::daemon
