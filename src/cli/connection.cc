#include "cli/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace aivault::cli {
namespace {

constexpr std::size_t kReadSize = std::size_t{64} << 10U;

auto lost() { return vault_unavailable(std::string(kConnectionLost), std::strerror(errno)); }

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Result<std::size_t> Connection::send_some(std::string_view bytes) {
  const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (would_block()) return std::size_t{0};
  return lost();
}

Result<void> Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    TRY_ASSIGN(const auto sent, send_some(bytes));
    bytes.remove_prefix(sent);
    if (sent > 0) continue;
    pollfd waiting{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) return lost();
  }
  return {};
}

Result<bool> Connection::receive(std::chrono::milliseconds limit) {
  if (used_ > 0) {
    buffer_.erase(0, used_);
    used_ = 0;
  }
  const auto before = buffer_.size();
  while (true) {
    buffer_.resize(before + kReadSize);
    const auto got = ::recv(socket_.get(), buffer_.data() + before, kReadSize, MSG_DONTWAIT);
    const int error = errno;
    buffer_.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    errno = error;
    if (got > 0) return true;
    if (got == 0) return false;
    if (!would_block()) return lost();
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(limit.count()));
    if (ready < 0 && errno != EINTR) return lost();
    if (ready == 0) return vault_unavailable(std::string(kNoAnswer), "no answer");
  }
}

}  // namespace aivault::cli
