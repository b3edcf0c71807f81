// Logins: the logins under way: what each must remember until the browser comes back or the person
// has said yes on another device, and the requests of it. In memory only; at most four at a time.
// Thread: the event loop; coroutines may be cancelled at any wait.
// Errors: policy_violation of the endpoints | concurrency_limit, auth_failed login_denied |
// login_expired | oauth_*, oauth_refresh_required setup_incomplete, upstream_unreachable,
// invalid_request not_found | record_invalid.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "policy/token_endpoint.h"
#include "tokens/login_requests.h"
#include "tokens/reply.h"
#include "upstream/client.h"
#include "vault/scope.h"

namespace aivault::tokens {

struct LoginPlan {
  enum class Flow : std::uint8_t { pkce, device } flow = Flow::pkce;
  std::string provider;
  std::string secret_name;
  vault::Scope scope;
  LoginClient client;
  std::vector<std::string> scopes;
  std::string auth_url, device_url, token_endpoint, redirect_uri;
  std::string tenant_id;       // To be kept in the secret; empty: none.
  bool keep_endpoint = false;  // In the secret: no registry names it.
  std::int64_t default_ttl_s = kUsualLifetime;
  std::chrono::milliseconds window = std::chrono::minutes(5);
};

struct StartedLogin {
  std::string id;
  std::string auth_url;                     // pkce
  std::string user_code, verification_uri;  // device
  std::chrono::milliseconds interval{0};    // device
  UnixMs expires_at;
};

// What the browser brought.
struct Redirect {
  Secret code;
  std::string state;
  std::optional<std::string> iss;
  std::string error;  // Not empty: there is no code.
};

// Tokens, and what they are for.
struct Obtained {
  std::shared_ptr<const LoginPlan> plan;
  TokenAnswer answer;
};

class Logins {
 public:
  struct Options {
    std::string version;
    bool allow_any_port = false;  // Builds with developer overrides only.
  };
  Logins(boost::asio::any_io_executor executor, upstream::Client& client, Options options);
  ~Logins();
  Logins(const Logins&) = delete;
  Logins& operator=(const Logins&) = delete;

  boost::asio::awaitable<Result<StartedLogin>> start(LoginPlan plan);
  // A wrong state changes nothing; anything else ends the login.
  boost::asio::awaitable<Result<Obtained>> finish(std::string id, Redirect redirect);
  // nullopt: still pending. Asks when it is time to, as long as somebody waits here.
  boost::asio::awaitable<Result<std::optional<Obtained>>> wait(std::string id,
                                                               std::chrono::milliseconds limit,
                                                               std::function<bool()> is_over);
  // nullptr: no such login.
  std::shared_ptr<const LoginPlan> plan_of(const std::string& id) const;
  bool cancel(const std::string& id);
  void forget();  // All of them.

 private:
  struct Login;
  using LoginPtr = std::shared_ptr<Login>;
  boost::asio::awaitable<Result<StartedLogin>> start_device(LoginPtr login);
  boost::asio::awaitable<Result<std::optional<Obtained>>> ask_device(LoginPtr login);
  LoginPtr find(const std::string& id) const;
  void prune();

  boost::asio::any_io_executor executor_;
  upstream::Client& client_;
  Options options_;
  std::map<std::string, LoginPtr> logins_;
};

}  // namespace aivault::tokens
