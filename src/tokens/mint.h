// mint: obtains one token of a credential over the network: an OAuth2 grant, the exchange of a
// Google key file, an installation token of a GitHub App.
// Thread: the event loop. Source: RFC 6749; RFC 7523; docs/tokens.md.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/secret.h"
#include "tokens/failure.h"
#include "tokens/oauth_secret.h"
#include "tokens/token.h"
#include "upstream/client.h"

namespace aivault::tokens {

struct Minted {
  NewTokens tokens;
  std::string host;  // That gave them.
};

// Does a call with this secret need a token from the network?
bool needs_token(const registry::AuthSpec& auth, const Secret& secret);

boost::asio::awaitable<tl::expected<Minted, Failure>> mint(upstream::Client& client,
                                                           const Job& job,
                                                           const Secret& secret,
                                                           std::string version);

}  // namespace aivault::tokens
