// run_on: runs blocking work on another thread; the coroutine goes on where it belongs.
// Thread: the event loop calls it; `work` runs on `where` and must not throw. It runs to its end
// even if the coroutine is cancelled meanwhile, so it owns what it needs.
#pragma once

#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace aivault::broker {

// An executor that keeps its loop running until the answer from another thread has come.
inline boost::asio::any_io_executor kept_busy(const boost::asio::any_io_executor& executor) {
  return boost::asio::prefer(executor, boost::asio::execution::outstanding_work_t::tracked);
}

template <typename Work>
boost::asio::awaitable<std::invoke_result_t<Work>> run_on(boost::asio::any_io_executor where,
                                                          Work work) {
  namespace asio = boost::asio;
  using Value = std::invoke_result_t<Work>;
  auto initiate = [where, work = std::move(work)](auto handler) mutable {
    auto home = kept_busy(asio::get_associated_executor(handler));
    auto job = [home, work = std::move(work), handler = std::move(handler)]() mutable {
      auto resume = [value = work(), handler = std::move(handler)]() mutable {
        handler(std::move(value));
      };
      asio::post(home, std::move(resume));
    };
    asio::post(where, std::move(job));
  };
  const auto token = asio::use_awaitable;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Value)>(
      std::move(initiate), token);
}

}  // namespace aivault::broker
