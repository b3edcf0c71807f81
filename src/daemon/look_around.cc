#include "daemon/look_around.h"

#include <chrono>
#include <exception>
#include <future>
#include <memory>

#include <boost/asio/co_spawn.hpp>

#include "upstream/trust.h"

namespace aivault::daemon {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kPatience{3};
// A loop that ends meanwhile answers nobody.
constexpr std::chrono::seconds kPatienceWithTheLoop{4};

Result<void> look_up(asio::io_context& loop,
                     upstream::Client& client,
                     const http::Authority& host) {
  const auto answer = std::make_shared<std::promise<Result<void>>>();
  auto answered = answer->get_future();
  asio::co_spawn(loop,
                 client.look_up(host, kPatience),
                 [answer](const std::exception_ptr& thrown, Result<void> found) {
                   if (!thrown) answer->set_value(std::move(found));
                 });
  const auto silence = fail(ErrorCode::upstream_unreachable, "dns", "no answer");
  if (answered.wait_for(kPatienceWithTheLoop) != std::future_status::ready) return silence;
  return answered.get();
}

}  // namespace

void look_around(admin::DaemonFacts& facts, asio::io_context& loop, upstream::Client& client) {
  facts.count_roots = [] { return upstream::Trust::count_roots(""); };
  facts.look_up = [&loop, &client](const http::Authority& host) {
    return look_up(loop, client, host);
  };
}

}  // namespace aivault::daemon
