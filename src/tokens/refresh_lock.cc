#include "tokens/refresh_lock.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "crypto/hash.h"
#include "platform/directory.h"

namespace aivault::tokens {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr const char* kFileName = "refresh.lock";
constexpr auto kPatience = std::chrono::seconds(30);
constexpr auto kPause = std::chrono::milliseconds(25);

std::int64_t byte_of(const SecretId& secret) {
  const auto hash = crypto::hash({"aivault refresh ", secret.str()});
  std::uint64_t byte = 0;
  for (std::size_t i = 0; i < 7; ++i) byte = byte << 8U | static_cast<unsigned char>(hash.at(i));
  return static_cast<std::int64_t>(byte);
}

}  // namespace

asio::awaitable<Result<RefreshLock>> RefreshLock::acquire(std::string root, SecretId secret) {
  auto directory = platform::Directory::open(root);
  if (!directory) co_return fail(std::move(directory).error());
  auto file = directory->open_or_create(kFileName);
  if (!file) co_return fail(std::move(file).error());
  platform::RangeLock lock(*std::move(file));
  const auto byte = byte_of(secret);
  const auto executor = co_await asio::this_coro::executor;
  const auto deadline = steady_clock::now() + kPatience;
  asio::steady_timer timer(executor);
  while (!lock.try_lock(byte, platform::RangeLock::Hold::exclusive)) {
    if (steady_clock::now() >= deadline) {
      co_return fail(ErrorCode::oauth_refresh_required,
                     "refresh_busy",
                     "another process is refreshing the token of this credential");
    }
    timer.expires_after(kPause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return RefreshLock(std::move(lock));
}

}  // namespace aivault::tokens
