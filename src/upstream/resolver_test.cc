#include "upstream/resolver.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "testing/run_async.h"

namespace aivault::upstream {
namespace {

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
