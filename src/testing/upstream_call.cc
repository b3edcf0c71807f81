#include "testing/upstream_call.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace aivault::testing {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t kPeriod = 23;
constexpr std::size_t kMostAtOnce = 65536;

const std::string& stretch_of_pattern() {
  static const std::string made = [] {
    std::string text(kMostAtOnce + kPeriod, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = pattern_at(i);
    return text;
  }();
  return made;
}

}  // namespace

char pattern_at(std::uint64_t position) { return static_cast<char>('a' + position % kPeriod); }

policy::IpAddress loopback() {
  policy::IpAddress address{};
  address.bytes[0] = 127;
  address.bytes[3] = 1;
  return address;
}

asio::awaitable<Result<std::size_t>> PatternBody::read(std::span<std::byte> into) {
  const auto count = std::min<std::uint64_t>({into.size(), piece_, total_ - taken_, kMostAtOnce});
  std::memcpy(into.data(), stretch_of_pattern().data() + taken_ % kPeriod, count);
  taken_ += count;
  if (count > 0 || after_ == After::end) co_return count;
  if (after_ == After::silence) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer forever(executor, asio::steady_timer::time_point::max());
    co_await forever.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return invalid_request("body_length", "the caller went away");
}

asio::awaitable<Outcome> make_call(upstream::Client& client,
                                   auth::SignedRequest request,
                                   upstream::Destination destination,
                                   upstream::BodySource* body,
                                   upstream::Timeouts timeouts) {
  Outcome outcome;
  const auto begin = std::chrono::steady_clock::now();
  auto sent = co_await client.send(std::move(request), std::move(destination), body, timeouts);
  if (sent) {
    const auto exchange = *std::move(sent);
    outcome.head = exchange->head();
    outcome.request_bytes = exchange->request_bytes();
    std::vector<std::byte> piece(32768);
    for (;;) {
      const std::span<std::byte> into(piece);
      auto got = co_await exchange->read(into);
      if (!got) outcome.error = std::move(got).error();
      if (!got || *got == 0) break;
      outcome.body.append(reinterpret_cast<const char*>(piece.data()), *got);
    }
  } else {
    outcome.error = std::move(sent).error();
  }
  outcome.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  co_return outcome;
}

UpstreamCaller::UpstreamCaller(std::string extra_ca_pem, upstream::Client::Options options)
    : extra_ca_pem_(std::move(extra_ca_pem)) {
  if (!options.resolver.lookup) {
    options.resolver.lookup = [this](const std::string&) {
      ++lookups_;
      return Result<std::vector<policy::IpAddress>>(std::vector{loopback()});
    };
  }
  auto made = upstream::Client::create(loop_.get_executor(), std::move(options));
  if (!made) throw std::runtime_error(made.error().message);
  client_ = *std::move(made);
}

upstream::Destination UpstreamCaller::destination(const std::string& pool_key) const {
  return {pool_key, extra_ca_pem_};
}

Outcome UpstreamCaller::call(const RequestWish& wish,
                             upstream::BodySource* body,
                             upstream::Timeouts timeouts,
                             const std::string& pool_key) {
  return run_async(
      loop_, make_call(*client_, signed_request(wish), destination(pool_key), body, timeouts));
}

void UpstreamCaller::run_for(std::chrono::milliseconds time) {
  loop_.restart();
  loop_.run_for(time);
}

}  // namespace aivault::testing
