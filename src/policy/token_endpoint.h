// TokenEndpoint: where a credential may ask for tokens, and the request that goes there, complete
// but for its authorization. Pure.
// Thread: any. Source: docs/tokens.md.
// Errors: policy_violation auth_config | scheme_not_allowed | port_not_allowed | host_mismatch |
// ssrf_blocked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/host.h"
#include "http/message.h"
#include "http/target.h"
#include "policy/address.h"
#include "policy/plan.h"

namespace aivault::policy {

struct TokenEndpointRules {
  // Hosts of the credential and its token hosts. One with a port allows that port.
  std::vector<std::string> hosts;
  AddressPolicy addresses = AddressPolicy::public_only;
  bool allow_any_port = false;  // Builds with developer overrides only.
};

// Proof that check_token_endpoint() allowed a place. Nothing else can make one.
class TokenEndpoint {
 public:
  const http::Authority& authority() const { return authority_; }
  const http::Target& target() const { return target_; }
  AddressPolicy addresses() const { return addresses_; }

 private:
  friend Result<TokenEndpoint> check_token_endpoint(std::string_view, const TokenEndpointRules&);
  TokenEndpoint(http::Authority authority, http::Target target, AddressPolicy addresses)
      : authority_(std::move(authority)), target_(std::move(target)), addresses_(addresses) {}
  http::Authority authority_;
  http::Target target_;
  AddressPolicy addresses_;
};

Result<TokenEndpoint> check_token_endpoint(std::string_view url, const TokenEndpointRules& rules);

// A POST. `headers`: lower-case names, in order, without host, framing and authorization.
PlannedRequest plan_token_request(const TokenEndpoint& endpoint,
                                  http::Headers headers,
                                  std::uint64_t body_size);

}  // namespace aivault::policy
