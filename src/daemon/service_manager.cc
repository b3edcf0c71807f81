#include "daemon/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include "base/digits.h"

namespace aivault::daemon {
namespace {

platform::Descriptor connect_to(std::string path) {
  sockaddr_un address{};
  if (path.size() < 2 || path.size() >= sizeof address.sun_path) return {};
  platform::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  address.sun_family = AF_UNIX;
  const auto size = offsetof(sockaddr_un, sun_path) + path.size();
  if (path.front() == '@') path.front() = '\0';
  std::ranges::copy(path, address.sun_path);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (!socket || ::connect(socket.get(), raw, static_cast<socklen_t>(size)) != 0) return {};
  return socket;
}

}  // namespace

ServiceManager ServiceManager::from(const platform::Environment& environment) {
  ServiceManager manager;
  const auto path = environment.text("NOTIFY_SOCKET");
  if (!path) return manager;
  manager.abstract_ = path->starts_with('@');
  manager.socket_ = connect_to(*path);
  const auto pid = parse_digits(environment.text("WATCHDOG_PID").value_or(""));
  const auto limit = parse_digits(environment.text("WATCHDOG_USEC").value_or(""));
  const bool is_for_us = !pid || *pid == std::int64_t{::getpid()};
  if (limit && *limit > 1 && is_for_us) {
    manager.heartbeat_ = std::chrono::microseconds(*limit / 2);
  }
  return manager;
}

void ServiceManager::tell(std::string_view state) const {
  if (!socket_) return;
  if (::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
}

void ServiceManager::tell_reloading() const {
  constexpr std::int64_t kMicroseconds = 1'000'000;
  constexpr std::int64_t kNanoseconds = 1000;
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);  // It cannot fail for this clock.
  const auto stamp = now.tv_sec * kMicroseconds + now.tv_nsec / kNanoseconds;
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(stamp));
}

}  // namespace aivault::daemon
