// exchange: posts one request to a token endpoint and reads the whole answer: 10 s to connect,
// 30 s in all, at most 256 KiB, no redirect followed.
// Thread: the event loop. Errors: upstream_unreachable as upstream::Client says, policy_violation
// ssrf_blocked, auth_failed oauth_response (an answer that is too large).
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "policy/token_endpoint.h"
#include "tokens/reply.h"
#include "tokens/token_request.h"
#include "upstream/client.h"

namespace aivault::tokens {

// Who asks: tells connections of different credentials apart, and says what is trusted.
struct Requester {
  std::string credential;
  std::string extra_ca_pem;
  std::string version;  // Of the program, for user-agent.
};

boost::asio::awaitable<Result<Reply>> exchange(upstream::Client& client,
                                               const policy::TokenEndpoint& endpoint,
                                               const TokenRequest& request,
                                               const Requester& requester);

}  // namespace aivault::tokens
