// Resolver: the only way from an authority to addresses that may be connected to. One blocked
// answer refuses them all, so that nothing is contacted.
// Thread: the event loop; lookups work on a few threads of their own. Destroying it waits for the
// lookups that have begun.
// Errors: upstream_unreachable dns, policy_violation ssrf_blocked.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/result.h"
#include "http/host.h"
#include "policy/address.h"
#include "upstream/deadlines.h"

namespace aivault::upstream {

// One entry of AIVAULT_DEV_RESOLVE.
struct DevAddress {
  std::string host;
  policy::IpAddress address;
  std::optional<std::uint16_t> port;  // Used when the authority has none.
};
// "host=ip:port,..."; the port may be absent, IPv6 is written in brackets.
Result<std::vector<DevAddress>> parse_dev_resolve(std::string_view text);

class Resolver {
 public:
  struct Options {
    // Instead of the system's resolver; called on a thread of the Resolver.
    std::function<Result<std::vector<policy::IpAddress>>(const std::string& host)> lookup;
    std::vector<DevAddress> dev_addresses;  // Honoured in builds with developer overrides only.
    std::function<bool(const policy::IpAddress&, std::uint16_t port)> is_own_listener;
  };
  Resolver(boost::asio::any_io_executor executor, Options options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  boost::asio::awaitable<Result<std::vector<boost::asio::ip::tcp::endpoint>>> resolve(
      const http::Authority& authority, policy::AddressPolicy policy, Deadlines& deadlines);

 private:
  struct Lookup;
  std::shared_ptr<Lookup> lookup_of(const std::string& host);
  boost::asio::awaitable<Result<std::vector<policy::IpAddress>>> look_up(std::string host,
                                                                         Deadlines& deadlines);
  const DevAddress* dev_address(const std::string& host) const;

  boost::asio::any_io_executor executor_;
  Options options_;
  std::map<std::string, std::weak_ptr<Lookup>> under_way_;
  std::unique_ptr<boost::asio::thread_pool> threads_;  // Made when first needed.
};

}  // namespace aivault::upstream
