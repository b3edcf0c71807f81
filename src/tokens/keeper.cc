#include "tokens/keeper.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace aivault::tokens {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(35);  // The lock of a refresh may take 30 s.
constexpr auto kForcedEvery = std::chrono::seconds(60);
constexpr std::size_t kMostEntries = 1024;

}  // namespace

Keeper::Keeper(asio::any_io_executor executor,
               upstream::Client& client,
               std::string version,
               Notices* notices,
               metrics::Metrics* metrics)
    : executor_(std::move(executor)),
      client_(client),
      version_(std::move(version)),
      notices_(notices),
      metrics_(metrics) {}

RefreshTools Keeper::tools() {
  if (!blocking_) blocking_.emplace(1);
  return {client_, version_, blocking_->get_executor(), metrics_};
}

asio::awaitable<Result<Good>> Keeper::obtain(JobPtr job) {
  const auto state = entry_of(*job).state;
  auto look = look_at(*job, *state);
  if (!look) co_return fail(std::move(look).error());
  const bool usable = look->token != nullptr && look->step != Step::obtain;
  const bool forced = look->refused && may_replace(*job);
  if (usable && look->step == Step::use && !forced) co_return Good{look->token, ""};
  auto outcome = co_await join(job, forced ? look->token->access.clone() : Secret());
  if (outcome) co_return Good{*std::move(outcome), ""};
  auto& failure = outcome.error();
  if (usable && !look->refused && failure.cause == Cause::transient) {
    co_return Good{look->token, "the token could not be renewed yet: " + failure.error.message};
  }
  co_return fail(std::move(failure.error));
}

asio::awaitable<Result<Good>> Keeper::replace(JobPtr job, TokenPtr refused) {
  refuse(*job, *refused);
  auto outcome = co_await join(job, refused->access.clone());
  if (!outcome) co_return fail(std::move(outcome).error().error);
  co_return Good{*std::move(outcome), ""};
}

bool Keeper::may_replace(const Job& job) {
  const auto& forced_at = entry_of(job).state->forced_at;
  return !forced_at || steady_clock::now() - *forced_at >= kForcedEvery;
}

void Keeper::refuse(const Job& job, const Token& token) {
  auto& state = *entry_of(job).state;
  // A newer one is there already: nobody says anything about that.
  if (state.token != nullptr && !(state.token->access == token.access)) return;
  state.refused = token.access.clone();
}

// Waits for the refresh that is under way, or for one of its own.
asio::awaitable<Outcome> Keeper::join(JobPtr job, Secret refused) {
  for (int round = 0; round < 2; ++round) {
    auto flight = entry_of(*job).flight;
    const bool own = flight == nullptr;
    if (own) flight = start(job, refused.clone());
    while (!flight->outcome && steady_clock::now() < flight->done.expiry()) {
      co_await flight->done.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (!flight->outcome) break;
    const auto& outcome = *flight->outcome;
    // One that was under way before may have brought just the token that is not wanted.
    const bool other = refused.empty() || !outcome || !((*outcome)->access == refused);
    if (own || other) co_return outcome;
  }
  co_return tl::unexpected<Failure>(Failure{Cause::transient,
                                            Error{ErrorCode::oauth_refresh_required,
                                                  "refresh_busy",
                                                  "the token is still being refreshed",
                                                  1}});
}

std::shared_ptr<Keeper::Flight> Keeper::start(const JobPtr& job, Secret refused) {
  if (entries_.size() > kMostEntries) {
    std::erase_if(entries_, [&job](const auto& entry) {
      return entry.first != job->key() && !entry.second.flight && !entry.second.storing;
    });
  }
  auto flight = std::make_shared<Flight>(executor_);
  flight->done.expires_after(kPatience);
  entry_of(*job).flight = flight;
  auto work = fly(shared_from_this(), job, std::move(refused), flight);
  auto ended = [flight](const std::exception_ptr&) { flight->done.cancel(); };
  auto slot = flight->broken_off.slot();
  asio::co_spawn(executor_, std::move(work), asio::bind_cancellation_slot(slot, std::move(ended)));
  return flight;
}

asio::awaitable<void> Keeper::fly(std::shared_ptr<Keeper> self,
                                  JobPtr job,
                                  Secret refused,
                                  std::shared_ptr<Flight> flight) {
  auto state = self->entry_of(*job).state;
  auto tools = self->tools();
  auto outcome = co_await refresh(std::move(tools), job, state, std::move(refused));
  flight->outcome = std::move(outcome);
  flight->done.cancel();
  auto& entry = self->entry_of(*job);
  if (entry.flight == flight) entry.flight.reset();
  self->notice(*job);
  if (!state->unstored || entry.storing || self->stopped_) co_return;
  entry.storing = std::make_shared<asio::steady_timer>(self->executor_);
  asio::co_spawn(self->executor_, keep_storing(self, job), asio::detached);
}

asio::awaitable<void> Keeper::keep_storing(std::shared_ptr<Keeper> self, JobPtr job) {
  const auto state = self->entry_of(*job).state;
  const auto timer = self->entry_of(*job).storing;
  unsigned attempts = 0;
  while (state->unstored && !self->stopped_) {
    timer->expires_after(back_off(++attempts, 0));
    co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
    if (self->stopped_) break;
    auto tools = self->tools();
    if (co_await store_again(std::move(tools), job, state)) break;
  }
  self->entry_of(*job).storing.reset();
  self->notice(*job);
}

void Keeper::notice(const Job& job) {
  if (notices_ == nullptr) return;
  const auto& state = *entry_of(job).state;
  std::string sentence;
  if (state.needs_login) {
    sentence = "needs login: the token endpoint no longer takes what the secret holds";
  } else if (state.unstored) {
    sentence = "its new tokens could not be stored in the vault; they are kept in memory";
  }
  notices_->set(job.credential, std::move(sentence));
}

void Keeper::forget() {
  // What is unstored stays: the secret lacks it.
  std::erase_if(entries_,
                [](const auto& entry) { return !entry.second.flight && !entry.second.storing; });
  for (auto& [key, entry] : entries_) entry.state->token.reset();
}

void Keeper::stop() {
  stopped_ = true;
  for (auto& [key, entry] : entries_) {
    if (entry.flight) entry.flight->broken_off.emit(asio::cancellation_type::terminal);
    if (entry.storing) entry.storing->cancel();
  }
}

}  // namespace aivault::tokens
