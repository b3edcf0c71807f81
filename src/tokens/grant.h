// Grant: the token request that an OAuth2 credential makes, and where it goes. Pure.
// Thread: any. Source: RFC 6749 4.4, 6; RFC 7523; docs/tokens.md.
// Errors: oauth_refresh_required setup_incomplete, policy_violation auth_config and those of
// policy::check_token_endpoint.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "policy/token_endpoint.h"
#include "registry/auth_spec.h"
#include "tokens/oauth_secret.h"
#include "tokens/token_request.h"

namespace aivault::tokens {

// What a token request needs to be there; the first that is missing answers.
Result<void> check_client(const registry::OAuth2Auth& auth, const OAuthSecret& secret);

// `tenant_host`: what {{host}} stands for.
Result<policy::TokenEndpoint> endpoint_of(const registry::OAuth2Auth& auth,
                                          const OAuthSecret& secret,
                                          std::string_view tenant_host,
                                          const policy::TokenEndpointRules& rules);

// `assertion`: of the jwt_bearer grant, else empty. `fields`: the secret itself, for json_exchange.
struct GrantInput {
  const OAuthSecret& secret;
  const Secret& fields;
  const Secret& assertion;
};
Result<TokenRequest> grant_request(const registry::OAuth2Auth& auth, const GrantInput& input);

}  // namespace aivault::tokens
