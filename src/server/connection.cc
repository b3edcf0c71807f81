#include "server/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/wipe.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kFirstBuffer = std::size_t{4} << 10U;  // Most requests fit.
constexpr std::size_t kBuffer = std::size_t{16} << 10U;
// Receives or sends that never had to wait before other work gets its turn: about 64 KiB.
constexpr unsigned kUsesInARow = 4;
constexpr std::size_t kMaxParts = 4;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

Connection::Connection(const asio::any_io_executor& executor, platform::Descriptor connected)
    : socket_(executor), deadline_(executor, [this] { interrupt(); }) {
  error_code error;
  socket_.assign(asio::local::stream_protocol(), connected.get(), error);
  if (!error) connected.release();
  socket_.native_non_blocking(true, error);
}

Connection::~Connection() { consume(end_ - begin_); }

void Connection::consume(std::size_t bytes) {
  if (bytes > 0) wipe(buffer_.get() + begin_, bytes);
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

void Connection::release_buffer() {
  if (begin_ == end_) resize_buffer(0);
}

// Keeps what is received and leaves no copy of it behind.
void Connection::resize_buffer(std::size_t size) {
  auto larger = size > 0 ? std::make_unique_for_overwrite<char[]>(size) : nullptr;  // NOLINT
  const auto held = end_ - begin_;
  if (held > 0) {
    std::memcpy(larger.get(), buffer_.get() + begin_, held);
    wipe(buffer_.get() + begin_, held);
  }
  buffer_ = std::move(larger);
  capacity_ = size;
  begin_ = 0;
  end_ = held;
}

std::span<std::byte> Connection::make_room() {
  if (capacity_ == 0) resize_buffer(kFirstBuffer);
  if (begin_ > 0 && end_ == capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    wipe(buffer_.get() + end_, begin_);
    begin_ = 0;
  }
  const bool streams = std::exchange(was_full_, false) && capacity_ < kBuffer;
  // Only a head needs more than one buffer; its size is limited by whoever reads it.
  if (end_ == capacity_ || streams) resize_buffer(std::max(kBuffer, 2 * end_));
  return std::as_writable_bytes(std::span(buffer_.get(), capacity_).subspan(end_));
}

Io Connection::receive_some(std::span<std::byte> into, std::size_t& got) {
  iovec place{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  for (;;) {
    // There is no room for ancillary data: descriptors that a peer passes are closed by the kernel.
    const auto size = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN ? Io::interrupted : Io::lost;
    if ((message.msg_flags & MSG_CTRUNC) != 0) return Io::lost;
    got = static_cast<std::size_t>(size);
    return size == 0 ? Io::ended : Io::ok;
  }
}

Io Connection::receive_now() {
  const auto room = make_room();
  std::size_t got = 0;
  const auto io = receive_some(room, got);
  end_ += got;
  was_full_ = got == room.size();
  return io;
}

asio::awaitable<Io> Connection::receive() {
  for (;;) {
    if (!socket_.is_open()) co_return Io::lost;
    const auto io = receive_now();
    if (io == Io::ok) co_await give_others_a_turn();
    if (io != Io::interrupted) co_return io;
    release_buffer();
    const auto waited = co_await wait(Socket::wait_read);
    if (waited != Io::ok) co_return waited;
  }
}

asio::awaitable<Io> Connection::receive_into(std::span<std::byte> into, std::size_t& got) {
  for (;;) {
    if (!socket_.is_open()) co_return Io::lost;
    const auto io = receive_some(into, got);
    if (io == Io::ok) co_await give_others_a_turn();
    if (io != Io::interrupted) co_return io;
    const auto waited = co_await wait(Socket::wait_read);
    if (waited != Io::ok) co_return waited;
  }
}

asio::awaitable<Io> Connection::wait(Socket::wait_type type) {
  uses_without_wait_ = 0;
  if (deadline_.expired()) co_return Io::late;
  const auto [error] = co_await socket_.async_wait(type, kAsTuple);
  if (deadline_.expired()) co_return Io::late;
  if (error) co_return socket_.is_open() ? Io::interrupted : Io::lost;
  co_return Io::ok;
}

asio::awaitable<void> Connection::give_others_a_turn() {
  if (++uses_without_wait_ < kUsesInARow) co_return;
  uses_without_wait_ = 0;
  co_await asio::post(socket_.get_executor(), asio::use_awaitable);
}

asio::awaitable<Io> Connection::send(std::span<const std::string_view> parts) {
  std::array<iovec, kMaxParts> pieces{};
  std::size_t count = 0;
  for (const auto part : parts) {
    if (!part.empty())
      pieces.at(count++) = {const_cast<char*>(part.data()), part.size()};  // NOLINT
  }
  std::size_t first = 0;
  while (first < count) {
    if (!socket_.is_open()) co_return Io::lost;
    msghdr message{};
    message.msg_iov = &pieces.at(first);
    message.msg_iovlen = count - first;
    const auto size = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != EAGAIN) co_return Io::lost;
    if (size < 0) {
      const auto waited = co_await wait(Socket::wait_write);
      if (waited != Io::ok) co_return waited;
      continue;
    }
    if (limit_.count() > 0) deadline_.set(limit_);
    auto taken = static_cast<std::size_t>(size);
    sent_ += taken;
    while (first < count && taken >= pieces.at(first).iov_len) taken -= pieces.at(first++).iov_len;
    if (first == count) break;
    pieces.at(first).iov_base = static_cast<char*>(pieces.at(first).iov_base) + taken;
    pieces.at(first).iov_len -= taken;
  }
  co_await give_others_a_turn();
  co_return Io::ok;
}

std::size_t Connection::send_now(std::string_view bytes) {
  const auto size =
      ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  const auto taken = size < 0 ? 0 : static_cast<std::size_t>(size);
  sent_ += taken;
  return taken;
}

void Connection::end_sending() {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Connection::close() {
  error_code ignored;
  socket_.close(ignored);
}

void Connection::limit(std::chrono::milliseconds time) {
  limit_ = time;
  deadline_.set(time);
}

void Connection::no_limit() {
  limit_ = std::chrono::milliseconds(0);
  deadline_.clear();
}

void Connection::interrupt() {
  error_code ignored;
  socket_.cancel(ignored);
}

bool Connection::peer_sends_no_more() const {
  if (!socket_.is_open()) return true;
  // Not all of Asio's sockets give their handle away as const.
  pollfd now_at{const_cast<Socket&>(socket_).native_handle(), POLLRDHUP, 0};  // NOLINT
  return ::poll(&now_at, 1, 0) > 0;
}

void Connection::on_hangup(std::function<void()> call) {
  on_hangup_ = std::move(call);
  if (on_hangup_ && hung_up_) {
    // Not from inside the caller's own step.
    asio::post(socket_.get_executor(), [this, alive = std::weak_ptr(alive_)] {
      if (alive.expired() || !on_hangup_) return;
      const auto now = std::exchange(on_hangup_, nullptr);
      now();
    });
  } else if (on_hangup_) {
    watch();
  }
}

void Connection::watch() {
  if (watching_ || !socket_.is_open()) return;
  watching_ = true;
  // Ends with EPOLLHUP or EPOLLERR, not with the end of the peer's sending.
  socket_.async_wait(Socket::wait_error,
                     [this, alive = std::weak_ptr(alive_)](const error_code& error) {
                       if (alive.expired()) return;
                       watching_ = false;
                       if (error && on_hangup_) return watch();
                       if (error) return;
                       // The reactor may wake us for an event of the socket that had this
                       // descriptor before: only the kernel knows.
                       // Urgent data, which would wake us again and again, counts as well.
                       pollfd now_at{socket_.native_handle(), POLLPRI, 0};
                       if (::poll(&now_at, 1, 0) == 0) return watch();
                       hung_up_ = true;
                       const auto now = std::exchange(on_hangup_, nullptr);
                       if (now) now();
                     });
}

}  // namespace aivault::server
