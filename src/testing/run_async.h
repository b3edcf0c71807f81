// run_async: runs one coroutine on a test's event loop to its end and returns its value.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace aivault::testing {

template <typename T>
boost::asio::awaitable<void> store_into(std::optional<T>& value, boost::asio::awaitable<T> work) {
  value.emplace(co_await std::move(work));
}

template <typename T>
T run_async(boost::asio::io_context& loop, boost::asio::awaitable<T> work) {
  std::optional<T> value;
  bool done = false;
  std::exception_ptr thrown;
  boost::asio::co_spawn(
      loop, store_into(value, std::move(work)), [&done, &thrown](const std::exception_ptr& why) {
        thrown = why;
        done = true;
      });
  loop.restart();
  while (!done && loop.run_one() > 0) {
  }
  if (thrown) std::rethrow_exception(thrown);
  return *std::move(value);
}

}  // namespace aivault::testing
