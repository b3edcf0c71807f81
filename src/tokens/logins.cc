#include "tokens/logins.h"

#include <algorithm>
#include <array>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/encoding.h"
#include "base/text.h"
#include "crypto/random.h"
#include "http/authorization_url.h"
#include "http/host.h"
#include "policy/scrub.h"
#include "tokens/device_flow.h"
#include "tokens/exchange.h"
#include "tokens/failure.h"
#include "tokens/login_state.h"
#include "tokens/proof_key.h"

namespace aivault::tokens {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kMostLogins = 4;
constexpr std::size_t kIdBytes = 16;
constexpr milliseconds kLook{100};

std::string random_id() {
  const auto bytes = crypto::random_bytes();
  return hex(std::span(bytes).first(kIdBytes));
}

std::string_view authority_of(std::string_view url) {
  const auto mark = url.find("://");
  if (mark == std::string_view::npos) return {};
  const auto rest = url.substr(mark + 3);
  return rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
}

// `what`: as the operator knows it.
Result<policy::TokenEndpoint> check_endpoint(std::string_view what,
                                             const std::string& url,
                                             bool allow_any_port) {
  policy::TokenEndpointRules rules;
  rules.allow_any_port = allow_any_port;
  // The operator, or the registry, names the host itself; its port is judged as any other.
  if (const auto authority = http::parse_authority(authority_of(trim(url)))) {
    rules.hosts.push_back(authority->is_ipv6() ? "[" + authority->host() + "]" : authority->host());
  }
  auto endpoint = policy::check_token_endpoint(url, rules);
  if (endpoint) return endpoint;
  constexpr std::string_view kTheirs = "oauth2 tokenEndpoint";
  auto error = std::move(endpoint).error();
  const auto place = error.message.find(kTheirs);
  if (place != std::string::npos) error.message.replace(place, kTheirs.size(), what);
  return fail(std::move(error));
}

tl::unexpected<Error> expired() {
  return fail(ErrorCode::auth_failed, "login_expired", "the time for the login is over");
}
tl::unexpected<Error> no_such_login() { return invalid_request("not_found", "login not found"); }

tl::unexpected<Error> denied(std::string_view error) {
  return fail(ErrorCode::auth_failed,
              "login_denied",
              "login was denied (" + quote_for_message(error, 64) + ")");
}

// RFC 9207: who answers is who was asked. No metadata names the issuer, so its origin counts.
bool is_same_origin(const std::string& issuer, const std::string& auth_url) {
  const auto theirs = http::parse_authority(authority_of(issuer));
  const auto ours = http::parse_authority(authority_of(auth_url));
  return theirs && ours && *theirs == *ours && issuer.starts_with("https://");
}

}  // namespace

struct Logins::Login {
  std::string id;
  std::shared_ptr<const LoginPlan> plan;
  policy::TokenEndpoint tokens;
  LoginState state;
  ProofKey proof;
  Secret device_code = {};
  std::optional<DeviceFlow> device = std::nullopt;
  bool asking = false;

  // Error texts of the other side never show one of these.
  std::shared_ptr<const policy::ScrubForms> forms(const Secret& code) const {
    std::vector<Secret> values;
    for (const auto* secret : {&plan->client.secret, &proof.verifier, &device_code, &code}) {
      if (!secret->empty()) values.push_back(secret->clone());
    }
    return policy::ScrubForms::of(values);
  }
};

Logins::Logins(asio::any_io_executor executor, upstream::Client& client, Options options)
    : executor_(std::move(executor)), client_(client), options_(std::move(options)) {}
Logins::~Logins() = default;

Logins::LoginPtr Logins::find(const std::string& id) const {
  const auto found = logins_.find(id);
  return found == logins_.end() ? nullptr : found->second;
}

std::shared_ptr<const LoginPlan> Logins::plan_of(const std::string& id) const {
  const auto login = find(id);
  return login ? login->plan : nullptr;
}

bool Logins::cancel(const std::string& id) { return logins_.erase(id) > 0; }
void Logins::forget() { logins_.clear(); }

void Logins::prune() {
  const auto now = Clock::now();
  std::erase_if(logins_, [now](const auto& entry) { return now >= entry.second->state.end(); });
}

asio::awaitable<Result<StartedLogin>> Logins::start(LoginPlan plan) {
  prune();
  if (logins_.size() >= kMostLogins) {
    co_return policy_violation("concurrency_limit", "too many logins are under way");
  }
  const bool any_port = options_.allow_any_port;
  auto tokens = check_endpoint("--token-endpoint", plan.token_endpoint, any_port);
  if (!tokens) co_return fail(std::move(tokens).error());
  if (plan.flow == LoginPlan::Flow::pkce) {
    const auto checked = check_endpoint("--auth-url", plan.auth_url, any_port);
    if (!checked) co_return fail(checked.error());
  }
  const auto end = Clock::now() + plan.window;
  auto login = std::make_shared<Login>(Login{
      .id = random_id(),
      .plan = std::make_shared<const LoginPlan>(std::move(plan)),
      .tokens = *std::move(tokens),
      .state = LoginState(crypto::random_bytes(), end),
      .proof = make_proof_key(crypto::random_bytes()),
  });
  logins_.emplace(login->id, login);
  if (login->plan->flow == LoginPlan::Flow::device) {
    auto started = co_await start_device(login);
    if (!started) logins_.erase(login->id);
    co_return started;
  }
  StartedLogin started;
  started.id = login->id;
  const auto& asked = *login->plan;
  started.auth_url = http::to_string(
      {.endpoint = std::string(trim(asked.auth_url)),
       .client_id = asked.client.id,
       .redirect_uri = asked.redirect_uri,
       .scopes = asked.scopes,
       .state = login->state.text(),
       .more = {{"code_challenge", login->proof.challenge}, {"code_challenge_method", "S256"}}});
  started.expires_at =
      std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now() + asked.window);
  co_return started;
}

asio::awaitable<Result<StartedLogin>> Logins::start_device(LoginPtr login) {
  const auto& plan = *login->plan;
  auto endpoint = check_endpoint("--device-url", plan.device_url, options_.allow_any_port);
  if (!endpoint) co_return fail(std::move(endpoint).error());
  auto request = device_request(plan.client, plan.scopes);
  if (!request) co_return fail(std::move(request).error());
  const Requester requester{
      .credential = "login " + login->id, .extra_ca_pem = {}, .version = options_.version};
  auto reply = co_await exchange(client_, *endpoint, *request, requester);
  if (!reply) co_return fail(failure_of(std::move(reply).error()).error);
  const Secret none;
  if (!reply->ok()) co_return fail(failure_of(*reply, login->forms(none)).error);
  auto answer = read_device_answer(*reply);
  if (!answer) co_return fail(std::move(answer).error());
  const auto now = Clock::now();
  const auto end = std::min(login->state.end(), now + answer->expires_in);
  login->device_code = std::move(answer->device_code);
  login->device.emplace(answer->interval, now, end);
  StartedLogin started;
  started.id = login->id;
  started.user_code = std::move(answer->user_code);
  started.verification_uri = std::move(answer->verification_uri);
  started.interval = login->device->interval();
  started.expires_at =
      std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now() + (end - now));
  co_return started;
}

asio::awaitable<Result<Obtained>> Logins::finish(std::string id, Redirect redirect) {
  const auto login = find(id);
  if (!login || login->plan->flow != LoginPlan::Flow::pkce) co_return no_such_login();
  switch (login->state.take(redirect.state, Clock::now())) {
    case LoginState::Verdict::wrong:
      co_return invalid_request("record_invalid", "state does not belong to this login");
    case LoginState::Verdict::used:
      co_return invalid_request("record_invalid", "this login has been answered already");
    case LoginState::Verdict::late: logins_.erase(id); co_return expired();
    case LoginState::Verdict::right: break;
  }
  logins_.erase(id);  // Whatever happens now: the code is used once.
  const auto& plan = *login->plan;
  if (!redirect.error.empty()) co_return denied(redirect.error);
  if (redirect.iss && !is_same_origin(*redirect.iss, plan.auth_url)) {
    co_return fail(ErrorCode::auth_failed, "login_denied", "the answer comes from another issuer");
  }
  if (redirect.code.empty()) {
    co_return invalid_request("record_invalid", "'code' must not be empty");
  }
  auto request = code_request(plan.client, redirect.code, plan.redirect_uri, login->proof.verifier);
  if (!request) co_return fail(std::move(request).error());
  const Requester requester{
      .credential = "login " + login->id, .extra_ca_pem = {}, .version = options_.version};
  auto reply = co_await exchange(client_, login->tokens, *request, requester);
  if (!reply) co_return fail(failure_of(std::move(reply).error()).error);
  if (!reply->ok()) co_return fail(failure_of(*reply, login->forms(redirect.code)).error);
  auto answer = read_token_answer(*reply, plan.default_ttl_s);
  if (!answer) co_return fail(std::move(answer).error());
  co_return Obtained{login->plan, *std::move(answer)};
}

asio::awaitable<Result<std::optional<Obtained>>> Logins::ask_device(LoginPtr login) {
  const Requester requester{
      .credential = "login " + login->id, .extra_ca_pem = {}, .version = options_.version};
  auto request = device_token_request(login->plan->client, login->device_code);
  if (!request) co_return fail(std::move(request).error());
  auto reply = co_await exchange(client_, login->tokens, *request, requester);
  const auto now = Clock::now();
  const bool is_silence = !reply
                              ? reply.error().code == ErrorCode::upstream_unreachable
                              : !reply->ok() && reply->error().empty() && (reply->status() >= 500);
  if (is_silence) {
    login->device->take_silence(now);
    co_return std::optional<Obtained>();
  }
  if (!reply) co_return fail(std::move(reply).error());
  if (reply->ok()) {
    auto answer = read_token_answer(*reply, login->plan->default_ttl_s);
    if (!answer) co_return fail(std::move(answer).error());
    co_return std::optional(Obtained{login->plan, *std::move(answer)});
  }
  switch (login->device->take(reply->error(), now)) {
    case DeviceFlow::Verdict::ask_again: co_return std::optional<Obtained>();
    case DeviceFlow::Verdict::denied: co_return denied(reply->error());
    case DeviceFlow::Verdict::expired: co_return expired();
    case DeviceFlow::Verdict::failed: break;
  }
  const Secret none;
  co_return fail(failure_of(*reply, login->forms(none)).error);
}

asio::awaitable<Result<std::optional<Obtained>>> Logins::wait(std::string id,
                                                              milliseconds limit,
                                                              std::function<bool()> is_over) {
  const auto until = Clock::now() + limit;
  asio::steady_timer timer(executor_);
  while (true) {
    const auto login = find(id);
    if (!login) co_return no_such_login();
    const auto now = Clock::now();
    const bool too_late =
        now >= login->state.end() || (login->device && !login->asking && login->device->is_over() &&
                                      now >= login->device->end());
    if (too_late) {
      logins_.erase(id);
      co_return expired();
    }
    if (login->device && !login->asking && now >= login->device->next()) {
      login->asking = true;
      auto answer = co_await ask_device(login);
      login->asking = false;
      if (!answer || *answer) logins_.erase(id);
      if (!answer || *answer) co_return answer;
    }
    if (Clock::now() >= until || is_over()) co_return std::optional<Obtained>();
    timer.expires_after(kLook);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace aivault::tokens
