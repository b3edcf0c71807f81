#include "upstream/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"

namespace aivault::upstream {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Addresses = std::vector<policy::IpAddress>;

constexpr std::size_t kThreads = 4;

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

Result<Addresses> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  Addresses addresses;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &first) != 0) return addresses;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(first, &freeaddrinfo);
  for (const auto* entry = first; entry != nullptr; entry = entry->ai_next) {
    Tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    addresses.push_back(from_asio(endpoint.address()));
  }
  return addresses;
}

}  // namespace

// A question to the system and those who wait for the answer. It cannot be interrupted, so whoever
// loses patience leaves. Several questions about one name are one, and so a name server that is
// silent takes one thread and not all of them.
struct Resolver::Lookup {
  std::vector<std::weak_ptr<asio::steady_timer>> waiting;
  std::optional<Result<Addresses>> answer;
};

Resolver::Resolver(asio::any_io_executor executor, Options options)
    : executor_(std::move(executor)), options_(std::move(options)) {
  if (!options_.lookup) options_.lookup = ask_system;
}

Resolver::~Resolver() = default;

std::shared_ptr<Resolver::Lookup> Resolver::lookup_of(const std::string& host) {
  std::erase_if(under_way_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = under_way_[host];
  if (auto lookup = known.lock(); lookup && !lookup->answer) return lookup;
  const auto lookup = std::make_shared<Lookup>();
  known = lookup;
  if (!threads_) threads_ = std::make_unique<asio::thread_pool>(kThreads);
  asio::post(*threads_, [lookup, host, find = options_.lookup, loop = executor_]() mutable {
    auto found = find(host);
    asio::post(loop, [lookup = std::move(lookup), found = std::move(found)]() mutable {
      lookup->answer = std::move(found);
      for (const auto& waiting : lookup->waiting) {
        if (const auto timer = waiting.lock()) timer->cancel();
      }
    });
  });
  return lookup;
}

asio::awaitable<Result<Addresses>> Resolver::look_up(std::string host, Deadlines& deadlines) {
  const auto lookup = lookup_of(host);
  const auto forever = asio::steady_timer::time_point::max();
  const auto answered = std::make_shared<asio::steady_timer>(executor_, forever);
  lookup->waiting.push_back(answered);
  deadlines.on_expiry([weak = std::weak_ptr(answered)] {
    if (const auto waiting = weak.lock()) waiting->cancel();
  });
  co_await answered->async_wait(asio::as_tuple(asio::use_awaitable));
  deadlines.on_expiry(nullptr);
  if (lookup->answer && !*lookup->answer) co_return fail(lookup->answer->error());
  if (!lookup->answer || (*lookup->answer)->empty()) {
    co_return fail(ErrorCode::upstream_unreachable, "dns", "cannot resolve " + host);
  }
  co_return **lookup->answer;
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
