#include "server/stream_pipe.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kCapacity = std::size_t{256} << 10U;

tl::unexpected<Error> cancelled() {
  return fail(ErrorCode::upstream_unreachable, "connection_lost", "cancelled by caller");
}

}  // namespace

Result<void> StreamPipe::write(std::string_view bytes) {
  while (!bytes.empty()) {
    std::unique_lock lock(guard_);
    changed_.wait(lock, [&] { return abandoned_ || bytes_.size() < kCapacity; });
    if (abandoned_) return cancelled();
    const auto size = std::min(bytes.size(), kCapacity - bytes_.size());
    bytes_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    wake_loop();
  }
  return {};
}

Result<std::size_t> StreamPipe::read(std::span<char> into) {
  std::unique_lock lock(guard_);
  changed_.wait(lock, [&] { return abandoned_ || input_ended_ || !bytes_.empty(); });
  if (abandoned_) return cancelled();
  const auto size = std::min(into.size(), bytes_.size());
  std::memcpy(into.data(), bytes_.data(), size);
  bytes_.erase(0, size);
  wake_loop();
  return size;
}

void StreamPipe::finish() {
  const std::lock_guard lock(guard_);
  finished_ = true;
  wake_loop();
}

bool StreamPipe::is_abandoned() const {
  const std::lock_guard lock(guard_);
  return abandoned_;
}

asio::awaitable<std::string> StreamPipe::take() {
  while (true) {
    {
      const std::lock_guard lock(guard_);
      if (abandoned_) co_return std::string();
      if (!bytes_.empty()) {
        changed_.notify_all();
        co_return std::exchange(bytes_, {});
      }
      if (finished_) co_return std::string();
    }
    co_await wait();
  }
}

asio::awaitable<bool> StreamPipe::give(std::string_view bytes) {
  while (true) {
    {
      const std::lock_guard lock(guard_);
      if (finished_ || abandoned_) co_return false;
      if (bytes_.size() < kCapacity) {
        bytes_.append(bytes);  // A piece more than it holds does no harm.
        changed_.notify_all();
        co_return true;
      }
    }
    co_await wait();
  }
}

asio::awaitable<void> StreamPipe::finished() {
  while (true) {
    {
      const std::lock_guard lock(guard_);
      if (finished_) co_return;
    }
    co_await wait();
  }
}

void StreamPipe::end_input() {
  const std::lock_guard lock(guard_);
  input_ended_ = true;
  changed_.notify_all();
}

void StreamPipe::abandon() {
  const std::lock_guard lock(guard_);
  abandoned_ = true;
  bytes_.clear();
  changed_.notify_all();
  wake_loop();
}

asio::awaitable<void> StreamPipe::wait() {
  // Whoever wakes us does it by a task of this loop, so after the wait has begun.
  wake_.expires_at(asio::steady_timer::time_point::max());
  co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
}

void StreamPipe::wake_loop() {
  asio::post(loop_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->wake_.cancel();
  });
}

}  // namespace aivault::server
