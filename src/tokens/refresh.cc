#include "tokens/refresh.h"

#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "auth/material.h"
#include "catalog/provision.h"
#include "catalog/secret_changes.h"
#include "tokens/mint.h"
#include "tokens/refresh_lock.h"

namespace aivault::tokens {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr auto kLoginPause = std::chrono::minutes(5);

tl::unexpected<Failure> give_up(Cause cause, Error error) {
  return tl::unexpected<Failure>(Failure{cause, std::move(error)});
}
tl::unexpected<Failure> give_up(Error error) { return give_up(Cause::refused, std::move(error)); }

UnixMs now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// Of the secret as it is, to which the tokens of before are added.
Result<std::vector<Secret>> secrets_of(const Job& job, const Secret& value) {
  return auth::secret_set(job.auth, value, job.public_fields);
}

Secret fields_of(const Job& job, const OAuthSecret& secret, const Secret& access) {
  const auto* oauth = std::get_if<registry::OAuth2Auth>(&job.auth);
  if (oauth == nullptr || oauth->inject.empty()) return {};
  return secret.fields_with(access);
}

// The token that the secret holds; nullptr: none.
Result<TokenPtr> token_in(const Job& job, const vault::OpenedSecret& opened) {
  if (!std::holds_alternative<registry::OAuth2Auth>(job.auth)) return TokenPtr();
  TRY_ASSIGN(const auto secret, OAuthSecret::parse(opened.value));
  const auto access = secret.access_token();
  if (!access) return TokenPtr();
  auto token = std::make_shared<Token>();
  token->access = Secret::copy_of(*access);
  token->fields = fields_of(job, secret, token->access);
  token->life = {secret.obtained(), secret.expires()};
  token->secret_version = opened.record.value_version;
  TRY_ASSIGN(const auto values, secrets_of(job, opened.value));
  token->forms = policy::ScrubForms::of(values);
  return TokenPtr(std::move(token));
}

// A token that came right now.
struct Fresh {
  NewTokens tokens;
  Secret value;  // The secret with them; empty: they stay in memory.
  std::shared_ptr<Token> token;
};
Result<Fresh> fresh_of(const Job& job, const vault::OpenedSecret& opened, Minted minted) {
  Fresh fresh;
  fresh.token = std::make_shared<Token>();
  fresh.token->access = minted.tokens.access.clone();
  fresh.token->life = {minted.tokens.obtained, minted.tokens.expires};
  fresh.token->secret_version = opened.record.value_version;
  TRY_ASSIGN(auto values, secrets_of(job, opened.value));
  values.push_back(minted.tokens.access.clone());
  if (!minted.tokens.refresh.empty()) values.push_back(minted.tokens.refresh.clone());
  fresh.token->forms = policy::ScrubForms::of(values);
  if (std::holds_alternative<registry::OAuth2Auth>(job.auth)) {
    TRY_ASSIGN(const auto secret, OAuthSecret::parse(opened.value));
    fresh.token->fields = fields_of(job, secret, fresh.token->access);
    if (!opened.record.system_managed) fresh.value = secret.with(minted.tokens);
  }
  fresh.tokens = std::move(minted.tokens);
  return fresh;
}

// The secret with new tokens in it, and the host that gave them.
struct Renewed {
  Secret value;
  std::string host;
};

// The new version, on the thread that may block.
asio::awaitable<Result<std::int64_t>> write_back(JobPtr job,
                                                 Renewed renewed,
                                                 std::int64_t expected) {
  auto who = job->who;
  who.host = std::move(renewed.host);
  who.outcome = "ok";
  auto write = [&](vault::Change& change) -> Result<std::int64_t> {
    TRY_ASSIGN(const auto done,
               catalog::write_back_secret(change, job->secret, renewed.value, expected, who));
    return done.secret.value_version;
  };
  co_return vault::change(*job->vault, write);
}

asio::awaitable<Result<std::int64_t>> store(const RefreshTools& tools,
                                            JobPtr job,
                                            Renewed renewed,
                                            std::int64_t expected) {
  auto work = write_back(std::move(job), std::move(renewed), expected);
  co_return co_await asio::co_spawn(tools.blocking, std::move(work), asio::use_awaitable);
}

// A failure that its record cannot follow is told to the caller all the same.
asio::awaitable<void> write_failure(JobPtr job, Failure failure) {
  auto event = catalog::event_of(job->who, "oauth.refresh");
  event.secret_id = job->secret.str();
  event.host = std::move(failure.host);
  event.outcome = "error";
  event.code = to_string(failure.error.code);
  event.reason = std::move(failure.error.reason);
  static_cast<void>(job->vault->change([&](vault::Change& change) -> Result<void> {
    change.record(std::move(event));
    return {};
  }));
  co_return;
}

// What was asked of an endpoint and failed; what never left is told by the record of the call.
asio::awaitable<void> record_failure(const RefreshTools& tools, JobPtr job, Failure failure) {
  if (failure.host.empty()) co_return;
  auto work = write_failure(std::move(job), std::move(failure));
  co_await asio::co_spawn(tools.blocking, std::move(work), asio::use_awaitable);
}

void note_failure(State& state, Failure& failure, std::int64_t version) {
  if (failure.cause == Cause::login) {
    state.needs_login = State::Login{version, steady_clock::now() + kLoginPause};
  } else if (failure.cause == Cause::transient) {
    const auto pause = back_off(++state.failures, failure.error.retry_after_s);
    state.quiet_until = steady_clock::now() + pause;
    failure.error.retry_after_s = static_cast<int>(pause.count());
  }
  state.last_error = failure.error;
}

// Reasons to ask nobody now.
std::optional<Failure> must_wait(State& state, std::int64_t version) {
  const auto at = steady_clock::now();
  if (state.needs_login) {
    if (state.needs_login->secret_version == version && at < state.needs_login->until) {
      return Failure{Cause::login,
                     Error{ErrorCode::oauth_refresh_required,
                           "login_required",
                           "the token endpoint no longer takes this login; log in again",
                           0}};
    }
    state.needs_login.reset();
  }
  if (state.quiet_until && at < *state.quiet_until && state.last_error) {
    auto error = *state.last_error;
    const auto left = std::chrono::ceil<std::chrono::seconds>(*state.quiet_until - at);
    error.retry_after_s = static_cast<int>(left.count());
    return Failure{Cause::transient, std::move(error)};
  }
  return std::nullopt;
}

bool is_good(const Look& look, const Secret& refused) {
  if (look.token == nullptr || look.refused || look.step != Step::use) return false;
  return refused.empty() || !(look.token->access == refused);
}

// How often endpoints were asked, not how often somebody wanted a token.
void count(metrics::Metrics* metrics, const tl::expected<Minted, Failure>& minted) {
  if (metrics == nullptr || (!minted && minted.error().host.empty())) return;
  metrics->add(metrics::Name::oauth_refresh, {minted ? "ok" : name_of(minted.error().cause)});
}

// Asks, and stores. nullopt: the secret was changed meanwhile.
asio::awaitable<std::optional<Outcome>> obtain(const RefreshTools& tools,
                                               JobPtr job,
                                               State& state,
                                               const Look& look) {
  const auto version = look.opened.record.value_version;
  auto minted = co_await mint(tools.client, *job, look.opened.value, tools.version);
  count(tools.metrics, minted);
  if (!minted) {
    note_failure(state, minted.error(), version);
    co_await record_failure(tools, job, minted.error());
    co_return give_up(minted.error().cause, minted.error().error);
  }
  const auto host = minted->host;
  auto fresh = fresh_of(*job, look.opened, *std::move(minted));
  if (!fresh) co_return give_up(std::move(fresh).error());
  state.failures = 0;
  state.quiet_until.reset();
  state.last_error.reset();
  state.needs_login.reset();
  state.refused = Secret();
  state.unstored.reset();
  state.in_memory = fresh->value.empty();
  if (!state.in_memory) {
    Renewed renewed{std::move(fresh->value), host};
    auto stored = co_await store(tools, job, std::move(renewed), version);
    if (stored) {
      fresh->token->secret_version = *stored;
    } else if (stored.error().reason == "changed") {
      co_return std::nullopt;
    } else {
      state.in_memory = true;
      state.unstored = std::move(fresh->tokens);
      state.unstored_host = host;
    }
  }
  state.token = fresh->token;
  co_return Outcome(state.token);
}

}  // namespace

Result<Look> look_at(const Job& job, State& state) {
  Look look;
  TRY_ASSIGN(look.opened, job.vault->open_secret(job.secret, job.context, job.opener));
  const auto version = look.opened.record.value_version;
  if (state.token != nullptr && state.token->secret_version != version) {
    state.token.reset();
    state.in_memory = false;
    state.unstored.reset();
  }
  if (state.token == nullptr) {
    TRY_ASSIGN(state.token, token_in(job, look.opened));
  }
  look.token = state.token;
  if (look.token == nullptr) return look;
  look.refused = !state.refused.empty() && look.token->access == state.refused;
  look.step = when(true, look.token->life, now());
  return look;
}

asio::awaitable<Outcome> refresh(RefreshTools tools,
                                 JobPtr job,
                                 std::shared_ptr<State> state,
                                 Secret refused) {
  auto lock = co_await RefreshLock::acquire(job->vault->root(), job->secret);
  if (!lock) {
    const bool busy = lock.error().reason == "refresh_busy";
    co_return give_up(busy ? Cause::transient : Cause::refused, std::move(lock).error());
  }
  for (int round = 0; round < 2; ++round) {
    auto look = look_at(*job, *state);
    if (!look) co_return give_up(std::move(look).error());
    if (is_good(*look, refused)) co_return look->token;
    if (auto waits = must_wait(*state, look->opened.record.value_version)) {
      co_return tl::unexpected<Failure>(*std::move(waits));
    }
    if (look->refused || !refused.empty()) state->forced_at = steady_clock::now();
    auto outcome = co_await obtain(tools, job, *state, *look);
    if (outcome) co_return *std::move(outcome);
    state->token.reset();
  }
  co_return give_up(Cause::transient,
                    Error{ErrorCode::oauth_refresh_required,
                          "refresh_busy",
                          "the secret of this credential keeps changing",
                          0});
}

asio::awaitable<bool> store_again(RefreshTools tools, JobPtr job, std::shared_ptr<State> state) {
  auto lock = co_await RefreshLock::acquire(job->vault->root(), job->secret);
  if (!lock) co_return false;
  const auto look = look_at(*job, *state);
  if (!look || !state->unstored) co_return look.has_value();
  const auto secret = OAuthSecret::parse(look->opened.value);
  if (!secret) co_return true;
  const auto version = look->opened.record.value_version;
  Renewed renewed{secret->with(*state->unstored), state->unstored_host};
  auto stored = co_await store(tools, job, std::move(renewed), version);
  if (!stored) co_return stored.error().reason == "changed";
  state->unstored.reset();
  state->in_memory = false;
  state->token.reset();  // The secret holds it now.
  co_return true;
}

}  // namespace aivault::tokens
