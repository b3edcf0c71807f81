#include "server/decode.h"

#include <gtest/gtest.h>

#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace aivault::server {
namespace {

std::thread::id thread_of(std::size_t bytes) {
  boost::asio::io_context loop;
  std::optional<boost::asio::thread_pool> pool;
  std::thread::id where;
  const auto run = [&]() -> boost::asio::awaitable<void> {
    auto work = [] { return std::this_thread::get_id(); };
    where = co_await decode(pool, bytes, work);
  };
  const auto at_end = [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); };
  boost::asio::co_spawn(loop, run, at_end);
  loop.run();
  return where;
}

TEST(Decode, LeavesTheLoopForLargeBodiesOnly) {
  EXPECT_EQ(thread_of(kMaxDecodedOnLoop), std::this_thread::get_id());
  EXPECT_NE(thread_of(kMaxDecodedOnLoop + 1), std::this_thread::get_id());
}

}  // namespace
}  // namespace aivault::server
