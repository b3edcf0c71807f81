#include "cli/private_daemon.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "platform/os_error.h"
#include "platform/passed_descriptor.h"

namespace aivault::cli {
namespace {

constexpr std::chrono::seconds kEnding{2};
constexpr int kRoomLimitMs = 5000;  // For one more connection in its queue.
constexpr std::string_view kEnded = "client:private_daemon_ended";

auto failed(int error) {
  return vault_unavailable("internal",
                           "cannot connect to the private aivaultd: " + platform::os_text(error));
}

// Its queue holds a few hundred connections that it has not taken yet.
bool hand_over(int socket, int theirs) {
  if (platform::send_with(socket, "c", theirs)) return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
  pollfd room{.fd = socket, .events = POLLOUT, .revents = 0};
  if (::poll(&room, 1, kRoomLimitMs) > 0) return platform::send_with(socket, "c", theirs);
  errno = EAGAIN;
  return false;
}

}  // namespace

PrivateDaemon::~PrivateDaemon() { let_go(); }

void PrivateDaemon::let_go() {
  if (!child_) return;
  child_->socket.reset();
  child_->process.wait(kEnding);
  child_.reset();
}

bool PrivateDaemon::is_wanted() const { return session_.environment().flag("AIVAULTD_DISABLE"); }

Result<platform::Descriptor> PrivateDaemon::connect_once() {
  if (child_ && child_->process.wait(std::chrono::milliseconds(0))) child_.reset();
  if (!child_ && is_kept_) {
    return vault_unavailable("internal", "the private aivaultd has ended; start the command again");
  }
  if (!child_) {
    TRY_ASSIGN(
        child_,
        start_private_child(session_.environment(), session_.key_variables, Passes::connections));
  }
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return failed(errno);
  platform::Descriptor ours(ends[0]);
  const platform::Descriptor theirs(ends[1]);
  if (hand_over(child_->socket.get(), theirs.get())) return ours;
  const int error = errno;
  if (error != EPIPE && error != ECONNRESET) return failed(error);
  let_go();
  return vault_unavailable(std::string(kEnded), "the private aivaultd ended early");
}

Result<platform::Descriptor> PrivateDaemon::connect() {
  const std::scoped_lock lock(guard_);
  auto connected = connect_once();
  if (connected || connected.error().reason != kEnded) return connected;
  return connect_once();
}

void PrivateDaemon::keep() {
  const std::scoped_lock lock(guard_);
  is_kept_ = true;
}

void PrivateDaemon::replace() {
  const std::scoped_lock lock(guard_);
  let_go();
}

Result<Reached> PrivateDaemon::reach() {
  TRY_ASSIGN(auto connected, connect());
  const std::scoped_lock lock(guard_);
  return Reached{.connection = std::make_unique<Connection>(std::move(connected)),
                 .name = "private child",
                 .uid = std::int64_t{::geteuid()},
                 .child = std::nullopt,
                 .lasting_child = child_ ? std::optional(child_->process) : std::nullopt,
                 .is_private = true};
}

}  // namespace aivault::cli
