// Watchdog: tells the service manager that the daemon lives: the event loop turns, and the vault's
// writer has finished what was given to it since the last time.
// Thread: the event loop; the writer is asked on a thread that may wait.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/service_manager.h"
#include "vault/slot.h"

namespace aivault::daemon {

class Watchdog {
 public:
  // All outlive the watchdog; `worker` has ended before it goes.
  Watchdog(boost::asio::io_context& loop,
           boost::asio::any_io_executor worker,
           vault::Slot& slot,
           const ServiceManager& manager);

  void begin();  // Nothing, unless the manager wants to hear from us.
  void stop() { timer_.cancel(); }

 private:
  void beat();
  void wait();

  boost::asio::io_context& loop_;
  boost::asio::any_io_executor worker_;
  vault::Slot& slot_;
  const ServiceManager& manager_;
  boost::asio::steady_timer timer_;
  bool writer_answered_ = true;
};

}  // namespace aivault::daemon
