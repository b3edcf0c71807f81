// Address: which IP addresses and host names an upstream may have, judged before any lookup (the
// literal guard) and again for every resolved address.
// Thread: any. Source: docs/network.md; IANA special-purpose registries.
// Errors: policy_violation ssrf_blocked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "http/host.h"

namespace aivault::policy {

struct IpAddress {
  bool v6 = false;
  std::array<unsigned char, 16> bytes{};  // Network order; IPv4 uses the first four.
  bool operator==(const IpAddress&) const = default;
};

// allow_private: a credential made with --allow-private-network. Metadata services, link-local,
// unspecified, multicast and reserved ranges stay blocked.
enum class AddressPolicy : std::uint8_t { public_only, allow_private };

bool is_blocked(const IpAddress& address, AddressPolicy policy);

// A canonical dotted quad, or IPv6 without brackets; anything else is no address.
std::optional<IpAddress> parse_ip(std::string_view text);

// The guard before any lookup: localhost, metadata names, private suffixes, undotted names,
// address literals that are blocked, and spellings of numbers that some resolvers accept.
// Marker: `upstream host blocked by SSRF guard`.
Result<void> check_literal(const http::Authority& authority, AddressPolicy policy);

}  // namespace aivault::policy
