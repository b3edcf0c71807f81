// ServiceManager: what a service manager is told on the socket it named (sd_notify(3)), and what it
// wants to hear regularly. Without one it tells nobody.
// Thread: the main thread at start, then the event loop.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "platform/descriptor.h"
#include "platform/environment.h"

namespace aivault::daemon {

class ServiceManager {
 public:
  ServiceManager() = default;
  // NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  static ServiceManager from(const platform::Environment& environment);

  bool is_there() const { return static_cast<bool>(socket_); }
  bool is_abstract() const { return abstract_; }  // Its socket has no path.
  // How often it is to be told that we live; nullopt: never.
  std::optional<std::chrono::microseconds> heartbeat() const { return heartbeat_; }

  // Lost messages are the manager's loss: it has time limits of its own.
  void tell(std::string_view state) const;
  void tell_reloading() const;  // Until it hears READY=1.

 private:
  platform::Descriptor socket_;
  bool abstract_ = false;
  std::optional<std::chrono::microseconds> heartbeat_;
};

}  // namespace aivault::daemon
