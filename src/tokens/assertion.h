// Assertion: signed tokens that token endpoints take in exchange for others, and the requests that
// carry them. Pure but for random ids.
// Thread: any. Source: RFC 7523; Google "Using OAuth 2.0 for Server to Server Applications";
// GitHub "Authenticating as a GitHub App installation"; docs/tokens.md.
// Errors: vault_unavailable secret_malformed, policy_violation auth_config.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "registry/auth_spec.h"
#include "tokens/token_request.h"

namespace aivault::tokens {

// A Google key file with scopes: its tokens are had by exchange.
bool is_google_exchange(const registry::JwtAuth& auth, const Secret& secret);

// For the jwt_bearer grant. `audience`: where none is configured.
Result<Secret> bearer_assertion(const registry::JwtAuth& auth,
                                const Secret& secret,
                                const std::string& audience,
                                UnixMs now);

inline constexpr const char* kGoogleEndpoint = "https://oauth2.googleapis.com/token";
Result<TokenRequest> google_request(const registry::JwtAuth& auth,
                                    const Secret& secret,
                                    UnixMs now);

struct GithubRequest {
  std::string url;
  TokenRequest request;  // Without a body; its authorization is the token of the app.
};
Result<GithubRequest> github_request(const registry::GithubAppAuth& auth,
                                     const Secret& secret,
                                     UnixMs now);

}  // namespace aivault::tokens
