// Authority and HostPattern: where a request may go, in canonical form (lower case, no trailing
// dot, :443 removed). Thread: any. Errors: policy_violation host_mismatch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aivault::http {

class Authority {
 public:
  const std::string& host() const { return host_; }            // "api.x.com", "10.0.0.5", "::1"
  std::optional<std::uint16_t> port() const { return port_; }  // Explicit and not 443.
  std::uint16_t effective_port() const { return port_.value_or(443); }
  bool is_ipv6() const { return ipv6_; }
  std::string text() const;  // "api.x.com:8443", "[::1]"
  bool operator==(const Authority&) const = default;

 private:
  friend Result<Authority> parse_authority(std::string_view raw);
  Authority() = default;
  std::string host_;
  std::optional<std::uint16_t> port_;
  bool ipv6_ = false;
};

// Marker: `invalid host authority in capability or credential`.
Result<Authority> parse_authority(std::string_view raw);

// Pattern grammar of the registry: an exact authority, or "*.suffix" with two labels or more.
Result<void> check_pattern(std::string_view pattern);
bool matches(std::string_view pattern, const Authority& authority);

}  // namespace aivault::http
