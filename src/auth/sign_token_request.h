// sign_token_request: adds the authorization to a request for a token. Besides auth::sign, this is
// the only way to something that can be sent; where it goes is proven by policy::TokenEndpoint.
// Thread: any; pure. Errors: vault_unavailable secret_malformed.
#pragma once

#include "auth/sign.h"
#include "policy/token_endpoint.h"

namespace aivault::auth {

// `authorization`: the whole value of that header; empty: none is sent.
Result<SignedRequest> sign_token_request(const policy::TokenEndpoint& endpoint,
                                         http::Headers headers,
                                         std::uint64_t body_size,
                                         const Secret& authorization);

}  // namespace aivault::auth
