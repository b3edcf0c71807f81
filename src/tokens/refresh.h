// Refresh: asks for one token and keeps it in the secret; once, whoever else wants it.
// Thread: the event loop; what blocks runs on `blocking`.
// Errors: docs/tokens.md, "When it fails".
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "metrics/metrics.h"
#include "tokens/failure.h"
#include "tokens/oauth_secret.h"
#include "tokens/token.h"
#include "upstream/client.h"

namespace aivault::tokens {

// What is known of the tokens of one credential beside its secret.
struct State {
  TokenPtr token;          // The newest, of the version of the secret that it names.
  bool in_memory = false;  // The secret does not hold it.
  Secret refused;          // The token that the upstream did not take; empty: none.
  std::optional<std::chrono::steady_clock::time_point> forced_at, quiet_until;
  unsigned failures = 0;  // In a row.
  std::optional<Error> last_error;
  struct Login {
    std::int64_t secret_version;
    std::chrono::steady_clock::time_point until;
  };
  std::optional<Login> needs_login;
  // Tokens that could not be stored, for the version of the secret that they belong to.
  std::optional<NewTokens> unstored;
  std::string unstored_host;  // That gave them.
};

// The secret as it is now, and what is to be done about its token.
struct Look {
  vault::OpenedSecret opened;
  TokenPtr token;  // May be nullptr.
  Step step = Step::obtain;
  bool refused = false;  // The token is the one that the upstream did not take.
};
Result<Look> look_at(const Job& job, State& state);

using Outcome = tl::expected<TokenPtr, Failure>;

struct RefreshTools {
  upstream::Client& client;
  std::string version;
  boost::asio::any_io_executor blocking;
  metrics::Metrics* metrics = nullptr;  // nullptr: nothing is counted.
};

// Under the lock of the secret: looks again, asks if that is still needed, stores. `refused`: a
// token that is not wanted back; empty: none.
boost::asio::awaitable<Outcome> refresh(RefreshTools tools,
                                        JobPtr job,
                                        std::shared_ptr<State> state,
                                        Secret refused);

// Puts tokens that could not be stored into the secret; false: again later.
boost::asio::awaitable<bool> store_again(RefreshTools tools,
                                         JobPtr job,
                                         std::shared_ptr<State> state);

}  // namespace aivault::tokens
