#include "upstream/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include "testing/run_async.h"

namespace aivault::upstream {
namespace {

using namespace std::chrono_literals;
using Addresses = std::vector<policy::IpAddress>;
using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

Result<Endpoints> resolve(const std::string& authority,
                          policy::AddressPolicy policy,
                          Resolver::Options options = {}) {
  boost::asio::io_context loop;
  Resolver resolver(loop.get_executor(), std::move(options));
  const auto parsed = http::parse_authority(authority);
  Deadlines deadlines(loop.get_executor(), Timeouts{}, authority);
  deadlines.begin(Deadlines::Limit::connect);
  return testing::run_async(loop, resolver.resolve(*parsed, policy, deadlines));
}

TEST(Resolver, AsksTheSystem) {
  const auto found = resolve("localhost:8443", policy::AddressPolicy::allow_private);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_FALSE(found->empty());
  for (const auto& endpoint : *found) {
    EXPECT_TRUE(endpoint.address().is_loopback());
    EXPECT_EQ(endpoint.port(), 8443);
  }
  EXPECT_EQ(resolve("localhost:8443", policy::AddressPolicy::public_only).error().reason,
            "ssrf_blocked");
}

TEST(Resolver, TakesLiteralsAsTheyAre) {
  const auto v4 = resolve("93.184.216.34", policy::AddressPolicy::public_only);
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->at(0).address().to_string(), "93.184.216.34");
  EXPECT_EQ(v4->at(0).port(), 443);
  const auto v6 = resolve("[2606:2800:220:1::1]", policy::AddressPolicy::public_only);
  ASSERT_TRUE(v6);
  EXPECT_TRUE(v6->at(0).address().is_v6());
  for (const auto* blocked : {"127.0.0.1", "169.254.169.254", "[::1]"}) {
    const auto refused = resolve(blocked, policy::AddressPolicy::public_only);
    ASSERT_FALSE(refused) << blocked;
    EXPECT_EQ(refused.error().reason, "ssrf_blocked") << blocked;
  }
}

TEST(Resolver, DropsRepeatedAnswers) {
  Resolver::Options options;
  options.lookup = [](const std::string&) {
    policy::IpAddress address{};
    address.bytes = {93, 184, 216, 34};
    return Result<std::vector<policy::IpAddress>>(std::vector(3, address));
  };
  const auto found = resolve("a.example", policy::AddressPolicy::public_only, std::move(options));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 1U);
}

Addresses documentation_address() {
  policy::IpAddress address{};
  address.bytes = {93, 184, 216, 34};
  return {address};
}

boost::asio::awaitable<void> resolve_and_note(Resolver& resolver,
                                              std::string host,
                                              Timeouts timeouts,
                                              std::vector<std::string>& ended) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto authority = http::parse_authority(host);
  Deadlines deadlines(executor, timeouts, host);
  deadlines.begin(Deadlines::Limit::connect);
  const auto found =
      co_await resolver.resolve(*authority, policy::AddressPolicy::public_only, deadlines);
  ended.push_back(host + (found ? "" : " " + deadlines.explain(found.error()).reason));
}

TEST(Resolver, LetsNoSlowNameHoldUpAnother) {
  std::atomic<int> slow_lookups = 0;
  std::atomic<bool> go = false;
  Resolver::Options options;
  options.lookup = [&](const std::string& host) {
    if (host == "slow.example") {
      ++slow_lookups;
      while (!go) std::this_thread::sleep_for(1ms);
    }
    return Result<Addresses>(documentation_address());
  };
  boost::asio::io_context loop;
  Resolver resolver(loop.get_executor(), std::move(options));
  std::vector<std::string> ended;
  const auto ask = [&](std::string host, Timeouts timeouts) {
    boost::asio::co_spawn(
        loop, resolve_and_note(resolver, std::move(host), timeouts, ended), boost::asio::detached);
  };
  const auto run_until = [&](std::size_t count) {
    for (int i = 0; i < 1000 && ended.size() < count; ++i) {
      loop.restart();
      loop.run_for(10ms);
    }
  };
  Timeouts hasty;
  hasty.connect = 30ms;
  for (int i = 0; i < 10; ++i) ask("slow.example", Timeouts{});
  ask("slow.example", hasty);
  ask("fast.example", Timeouts{});
  run_until(2);
  ASSERT_EQ(ended.size(), 2U);
  std::ranges::sort(ended);
  EXPECT_EQ(ended[0], "fast.example");
  EXPECT_EQ(ended[1], "slow.example timeout_connect");
  go = true;
  run_until(12);
  EXPECT_EQ(std::ranges::count(ended, "slow.example"), 10);
  EXPECT_EQ(slow_lookups, 1);
  ask("slow.example", Timeouts{});
  run_until(13);
  EXPECT_EQ(slow_lookups, 2) << "an answer is not kept";
}

TEST(Resolver, SaysWhichNameHasNoAddress) {
  Resolver::Options options;
  options.lookup = [](const std::string&) { return Result<Addresses>(Addresses{}); };
  const auto found = resolve("a.example", policy::AddressPolicy::public_only, std::move(options));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason, "dns");
  EXPECT_EQ(found.error().message, "cannot resolve a.example");
}

TEST(DevResolve, ParsesEntriesAndRefusesOthers) {
  const auto entries = parse_dev_resolve("A.example=127.0.0.1:8443, b.example=[::1]:9 ,c=10.0.0.1");
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_EQ((*entries)[0].host, "a.example");
  EXPECT_EQ((*entries)[0].port, 8443);
  EXPECT_TRUE((*entries)[1].address.v6);
  EXPECT_EQ((*entries)[1].port, 9);
  EXPECT_FALSE((*entries)[2].port);
  for (const auto* bad : {"a",
                          "=1.2.3.4",
                          "a=",
                          "a=b:1",
                          "a=1.2.3.4:",
                          "a=1.2.3.4:0",
                          "a=1.2.3.4:65536",
                          "a=[::1",
                          "a=[::1]9",
                          "a=1.2.3.4:1x"}) {
    EXPECT_FALSE(parse_dev_resolve(bad)) << bad;
  }
}

}  // namespace
}  // namespace aivault::upstream
