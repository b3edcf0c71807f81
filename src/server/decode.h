// decode: runs the parsing of a request body, on a thread of its own if the body is large, so that
// nobody else waits for it.
// Thread: the event loop calls it; `work` must not throw and owns what it needs.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include "broker/run_on.h"

namespace aivault::server {

constexpr std::size_t kMaxDecodedOnLoop = std::size_t{256} << 10U;

template <typename Work>
boost::asio::awaitable<std::invoke_result_t<Work>> decode(
    std::optional<boost::asio::thread_pool>& thread, std::size_t bytes, Work work) {
  if (bytes <= kMaxDecodedOnLoop) co_return work();
  // One thread: the copies that parsing makes exist for one large body at a time.
  if (!thread) thread.emplace(1);
  co_return co_await broker::run_on(thread->get_executor(), std::move(work));
}

}  // namespace aivault::server
