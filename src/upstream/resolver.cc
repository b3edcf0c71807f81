#include "upstream/resolver.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"

namespace aivault::upstream {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Addresses = std::vector<policy::IpAddress>;

policy::IpAddress from_asio(const asio::ip::address& address) {
  policy::IpAddress result{};
  result.v6 = address.is_v6();
  if (result.v6) {
    std::ranges::copy(address.to_v6().to_bytes(), result.bytes.begin());
  } else {
    std::ranges::copy(address.to_v4().to_bytes(), result.bytes.begin());
  }
  return result;
}

asio::ip::address to_asio(const policy::IpAddress& address) {
  if (address.v6) return asio::ip::address_v6(address.bytes);
  asio::ip::address_v4::bytes_type bytes{};
  std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
  return asio::ip::address_v4(bytes);
}

tl::unexpected<Error> blocked() {
  return policy_violation("ssrf_blocked", "upstream host blocked by SSRF guard");
}

// A lookup under way. getaddrinfo cannot be interrupted, so the waiter leaves and the answer,
// when it comes, finds nobody.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {
    done.expires_at(asio::steady_timer::time_point::max());
  }
  Tcp::resolver resolver;
  asio::steady_timer done;
  bool answered = false;
  error_code error;
  Addresses addresses;
};

}  // namespace

Resolver::Resolver(asio::any_io_executor executor, Options options)
    : executor_(std::move(executor)), options_(std::move(options)) {}

asio::awaitable<Result<Addresses>> Resolver::look_up(std::string host, Deadlines& deadlines) {
  const auto nothing = [&host] {
    return fail(ErrorCode::upstream_unreachable, "dns", "cannot resolve " + host);
  };
  if (options_.lookup) {
    auto found = options_.lookup(host);
    if (found && found->empty()) co_return nothing();
    co_return found;
  }
  const auto lookup = std::make_shared<Lookup>(executor_);
  lookup->resolver.async_resolve(
      host, "", [lookup](const error_code& error, const Tcp::resolver::results_type& results) {
        lookup->answered = true;
        lookup->error = error;
        for (const auto& entry : results) {
          lookup->addresses.push_back(from_asio(entry.endpoint().address()));
        }
        lookup->done.cancel();
      });
  deadlines.on_expiry([weak = std::weak_ptr(lookup)] {
    if (const auto waiting = weak.lock()) waiting->done.cancel();
  });
  co_await lookup->done.async_wait(asio::as_tuple(asio::use_awaitable));
  deadlines.on_expiry(nullptr);
  if (!lookup->answered || lookup->error || lookup->addresses.empty()) co_return nothing();
  co_return std::move(lookup->addresses);
}

const DevAddress* Resolver::dev_address([[maybe_unused]] const std::string& host) const {
#ifdef AIVAULT_DEV_OVERRIDES
  for (const auto& entry : options_.dev_addresses) {
    if (entry.host == host) return &entry;
  }
#endif
  return nullptr;
}

asio::awaitable<Result<std::vector<Tcp::endpoint>>> Resolver::resolve(
    const http::Authority& authority, policy::AddressPolicy policy, Deadlines& deadlines) {
  auto port = authority.effective_port();
  Addresses addresses;
  error_code not_literal;
  const auto literal = asio::ip::make_address(authority.host(), not_literal);
  const auto* override_entry = dev_address(authority.host());
  if (override_entry != nullptr) {
    addresses.push_back(override_entry->address);
    if (!authority.port() && override_entry->port) port = *override_entry->port;
  } else if (!not_literal) {
    addresses.push_back(from_asio(literal));
  } else {
    auto found = co_await look_up(authority.host(), deadlines);
    if (!found) co_return fail(std::move(found).error());
    addresses = *std::move(found);
  }
  std::vector<Tcp::endpoint> checked;
  for (const auto& address : addresses) {
    if (override_entry == nullptr && policy::is_blocked(address, policy)) co_return blocked();
    if (options_.is_own_listener && options_.is_own_listener(address, port)) co_return blocked();
    const Tcp::endpoint endpoint(to_asio(address), port);
    if (std::ranges::find(checked, endpoint) == checked.end()) checked.push_back(endpoint);
  }
  co_return checked;
}

Result<std::vector<DevAddress>> parse_dev_resolve(std::string_view text) {
  const auto refuse = [] {
    return invalid_request("record_invalid", "AIVAULT_DEV_RESOLVE must be host=ip:port,...");
  };
  std::vector<DevAddress> entries;
  for (const auto part : split(text, ',')) {
    const auto item = trim(part);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0) return refuse();
    auto host = to_lower(trim(item.substr(0, equals)));
    auto address = trim(item.substr(equals + 1));
    std::string_view port;
    if (address.starts_with('[')) {
      const auto close = address.find(']');
      if (close == std::string_view::npos) return refuse();
      port = address.substr(close + 1);
      address = address.substr(1, close - 1);
      if (!port.empty() && port.front() != ':') return refuse();
    } else if (const auto colon = address.find(':'); colon != std::string_view::npos) {
      port = address.substr(colon);
      address = address.substr(0, colon);
    }
    error_code error;
    const auto parsed = asio::ip::make_address(std::string(address), error);
    if (error) return refuse();
    DevAddress entry{std::move(host), from_asio(parsed), std::nullopt};
    if (!port.empty()) {
      std::uint16_t number = 0;
      const auto* end = port.data() + port.size();
      const auto [stop, problem] = std::from_chars(port.data() + 1, end, number);
      if (problem != std::errc() || stop != end || number == 0) return refuse();
      entry.port = number;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace aivault::upstream
