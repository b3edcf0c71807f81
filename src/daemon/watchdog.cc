#include "daemon/watchdog.h"

#include <utility>

#include <boost/asio/post.hpp>

namespace aivault::daemon {

Watchdog::Watchdog(boost::asio::io_context& loop,
                   boost::asio::any_io_executor worker,
                   vault::Slot& slot,
                   const ServiceManager& manager)
    : loop_(loop), worker_(std::move(worker)), slot_(slot), manager_(manager), timer_(loop) {}

void Watchdog::begin() {
  if (manager_.heartbeat()) wait();
}

void Watchdog::wait() {
  timer_.expires_after(*manager_.heartbeat());
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    beat();
    wait();
  });
}

void Watchdog::beat() {
  // A writer that hangs leaves the manager without news, which then starts another daemon.
  if (!std::exchange(writer_answered_, false)) return;
  manager_.tell("WATCHDOG=1");
  boost::asio::post(worker_, [this] {
    if (const auto vault = slot_.peek()) vault->flush();
    boost::asio::post(loop_, [this] { writer_answered_ = true; });
  });
}

}  // namespace aivault::daemon
