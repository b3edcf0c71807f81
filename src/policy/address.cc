#include "policy/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <span>
#include <string>

#include "base/text.h"

namespace aivault::policy {
namespace {

struct Range {
  std::string_view base;
  unsigned bits;
};

// IANA IPv4 special-purpose registry, multicast, the reserved class E, and a cloud's host service.
constexpr std::array<Range, 16> kBlockedV4 = {{{"0.0.0.0", 8},
                                               {"10.0.0.0", 8},
                                               {"100.64.0.0", 10},
                                               {"127.0.0.0", 8},
                                               {"169.254.0.0", 16},
                                               {"172.16.0.0", 12},
                                               {"192.0.0.0", 24},
                                               {"192.0.2.0", 24},
                                               {"192.88.99.0", 24},
                                               {"192.168.0.0", 16},
                                               {"198.18.0.0", 15},
                                               {"198.51.100.0", 24},
                                               {"203.0.113.0", 24},
                                               {"224.0.0.0", 4},
                                               {"240.0.0.0", 4},
                                               {"168.63.129.16", 32}}};
constexpr std::array<Range, 5> kPrivateV4 = {{{"10.0.0.0", 8},
                                              {"100.64.0.0", 10},
                                              {"127.0.0.0", 8},
                                              {"172.16.0.0", 12},
                                              {"192.168.0.0", 16}}};
// Metadata services inside private ranges: never lifted.
constexpr std::array<Range, 1> kMetadataV4 = {{{"100.100.100.200", 32}}};

constexpr Range kGlobalV6 = {"2000::", 3};
constexpr std::array<Range, 7> kBlockedV6 = {{{"2001::", 32},
                                              {"2001:2::", 48},
                                              {"2001:10::", 28},
                                              {"2001:20::", 28},
                                              {"2001:db8::", 32},
                                              {"2002::", 16},
                                              {"3fff::", 20}}};
constexpr std::array<Range, 2> kPrivateV6 = {{{"::1", 128}, {"fc00::", 7}}};
constexpr std::array<Range, 1> kMetadataV6 = {{{"fd00:ec2::254", 128}}};
// These carry an IPv4 address in their last four bytes, and that one decides.
constexpr std::array<Range, 2> kEmbeddingV6 = {{{"::ffff:0:0", 96}, {"64:ff9b::", 96}}};

bool contains(const Range& range, const IpAddress& address) {
  const auto base = parse_ip(range.base);
  if (!base || base->v6 != address.v6) return false;
  const std::size_t whole = range.bits / 8;
  if (!std::equal(base->bytes.begin(),
                  base->bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.bytes.begin())) {
    return false;
  }
  const unsigned rest = range.bits % 8;
  if (rest == 0) return true;
  const unsigned mask = 0xFF00U >> rest & 0xFFU;
  return (base->bytes[whole] & mask) == (address.bytes[whole] & mask);
}

bool in_any(std::span<const Range> ranges, const IpAddress& address) {
  return std::ranges::any_of(ranges, [&](const Range& range) { return contains(range, address); });
}

constexpr std::array<std::string_view, 4> kMetadataNames = {
    "metadata", "instance-data", "metadata.google.internal", "metadata.goog"};
constexpr std::array<std::string_view, 6> kPrivateDomains = {
    "localhost", "localdomain", "internal", "local", "home.arpa", "lan"};

bool is_in_domain(std::string_view host, std::string_view domain) {
  return host == domain || (host.size() > domain.size() && host.ends_with(domain) &&
                            host[host.size() - domain.size() - 1] == '.');
}

bool is_metadata_name(std::string_view host) {
  return std::ranges::any_of(kMetadataNames,
                             [&](std::string_view name) { return is_in_domain(host, name); });
}

bool is_private_name(std::string_view host) {
  return host.find('.') == std::string_view::npos ||
         std::ranges::any_of(kPrivateDomains,
                             [&](std::string_view name) { return is_in_domain(host, name); });
}

// What inet_aton and its kind read as an address although it is not written as one.
bool is_number_in_disguise(std::string_view host) {
  const auto dot = host.rfind('.');
  const auto last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  return last.starts_with("0x") ||
         std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
}

tl::unexpected<Error> blocked() {
  return policy_violation("ssrf_blocked", "upstream host blocked by SSRF guard");
}

}  // namespace

bool is_blocked(const IpAddress& address, AddressPolicy policy) {
  const bool lifted = policy == AddressPolicy::allow_private;
  if (!address.v6) {
    if (in_any(kMetadataV4, address)) return true;
    return in_any(kBlockedV4, address) && !(lifted && in_any(kPrivateV4, address));
  }
  if (in_any(kEmbeddingV6, address)) {
    IpAddress embedded;
    std::copy(address.bytes.end() - 4, address.bytes.end(), embedded.bytes.begin());
    return is_blocked(embedded, policy);
  }
  if (in_any(kMetadataV6, address)) return true;
  if (lifted && in_any(kPrivateV6, address)) return false;
  return !contains(kGlobalV6, address) || in_any(kBlockedV6, address);
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  constexpr std::size_t kLongest = 45;  // "ffff:...:255.255.255.255"
  if (text.size() > kLongest || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  IpAddress address;
  address.v6 = text.find(':') != std::string_view::npos;
  const int family = address.v6 ? AF_INET6 : AF_INET;
  if (inet_pton(family, terminated.c_str(), address.bytes.data()) != 1) return std::nullopt;
  return address;
}

Result<void> check_literal(const http::Authority& authority, AddressPolicy policy) {
  const std::string_view host = authority.host();
  if (const auto address = parse_ip(host)) {
    if (is_blocked(*address, policy)) return blocked();
    return {};
  }
  if (authority.is_ipv6() || is_metadata_name(host) || is_number_in_disguise(host)) {
    return blocked();
  }
  if (policy == AddressPolicy::public_only && is_private_name(host)) return blocked();
  return {};
}

}  // namespace aivault::policy
