#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "auth/material.h"
#include "broker/broker_impl.h"
#include "broker/held_body.h"
#include "broker/limit_stages.h"
#include "broker/relay.h"
#include "broker/run_on.h"
#include "policy/plan.h"
#include "protocol/headers.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;

policy::ScrubMode scrub_mode_of(policy::ScrubRule rule) {
  switch (rule) {
    case policy::ScrubRule::off: return policy::ScrubMode::off;
    case policy::ScrubRule::automatic: return policy::ScrubMode::automatic;
    case policy::ScrubRule::all: return policy::ScrubMode::all;
  }
  return policy::ScrubMode::all;
}

// Something of ours broke; the call ends, and no other.
Error internal_error() {
  return Error{ErrorCode::vault_unavailable, "internal", "internal error", 0};
}

std::vector<vault::RateUnit> units_of(std::span<const policy::Rate> rates) {
  std::vector<vault::RateUnit> units;
  units.reserve(rates.size());
  for (const auto& rate : rates) {
    units.push_back({rate.window, rate.per_minute});
  }
  return units;
}

// What a caller's leaving does to the call is no error of it.
asio::awaitable<Error> ended(EndRecord& record, Error why, EndRecord::Bytes bytes) {
  const auto state = co_await asio::this_coro::cancellation_state;
  record.note_progress(bytes);
  if (state.cancelled() == asio::cancellation_type::none) record.error(why, bytes);
  co_return why;
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<Answer>>> Broker::Impl::invoke(Call call) {
  if (call.caller.uid == own_uid_) last_own_call_ = std::chrono::steady_clock::now();
  auto ticket = running_.begin(call.caller.uid);
  auto event = event_of(call.caller, call.request_id);
  event.capability = call.envelope.capability;
  const auto state = co_await asio::this_coro::cancellation_state;
  try {
    co_return co_await answer(call, event, std::move(ticket));
  } catch (const std::exception&) {
    if (state.cancelled() != asio::cancellation_type::none) throw;
    auto error = internal_error();
    note_refusal(slot_.peek(), std::move(event), error);
    co_return fail(std::move(error));
  }
}

asio::awaitable<Result<std::unique_ptr<Answer>>> Broker::Impl::answer(Call& call,
                                                                      audit::Event& event,
                                                                      RunningCalls::Ticket ticket) {
  auto vault = co_await open_vault();
  if (!vault) {
    if (vault.error().reason == "vault_locked") {
      note_refusal(nullptr, std::move(event), vault.error());
    }
    co_return fail(std::move(vault).error());
  }
  OwnTime own_time;
  auto decision = decide(**vault, call, event);
  if (decision) {
    if (auto room = check_room(ticket); !room) decision = fail(std::move(room).error());
  }
  if (decision && !decision->body.source) {
    const OwnTime::Away away(own_time);
    auto ended = co_await expect_end(call.announced);
    if (!ended) decision = fail(std::move(ended).error());
  }
  if (decision) {
    const OwnTime::Away away(own_time);
    if (auto reads = co_await judge_body(*decision); !reads) {
      decision = fail(std::move(reads).error());
    }
  }
  if (!decision) {
    note_refusal(*vault, std::move(event), decision.error());
    co_return fail(std::move(decision).error());
  }
  decision->own_time = own_time;
  decision->withdrawal = ticket.withdrawal();
  ticket.rest_on(decision->claim);
  watch();
  if (decision->limits.approval_ms) {
    const OwnTime::Away away(decision->own_time);
    auto allowed = co_await get_approval(*vault, call, *decision, event);
    if (!allowed) {
      note_refusal(*vault, std::move(event), allowed.error());
      co_return fail(std::move(allowed).error());
    }
  }
  co_return co_await carry_out(
      *vault, call, *std::move(decision), std::move(event), std::move(ticket));
}

asio::awaitable<Result<std::unique_ptr<Answer>>> Broker::Impl::carry_out(
    const VaultPtr& vault,
    const Call& call,
    Decision decision,
    audit::Event event,
    RunningCalls::Ticket ticket) {
  // The record comes first: what is not recorded is not done.
  event.outcome = "started";
  EndRecord record(ends_, vault, event);
  record.classify(
      registry::to_string(registry::class_of(*decision.capability, event.method, event.path)));
  auto started = co_await take_start(vault, decision, event);
  if (!started) {
    record.forget();
    if (started.error().code == ErrorCode::policy_violation) {
      note_refusal(vault, event, started.error());
    }
    co_return fail(std::move(started).error());
  }

  const auto state = co_await asio::this_coro::cancellation_state;
  try {
    co_return co_await send(vault, call, decision, record, std::move(ticket));
  } catch (const std::exception&) {
    if (state.cancelled() != asio::cancellation_type::none) throw;
    auto error = internal_error();
    record.error(error, {});
    co_return fail(std::move(error));
  }
}

asio::awaitable<Result<void>> Broker::Impl::take_start(const VaultPtr& vault,
                                                       const Decision& decision,
                                                       audit::Event event) {
  const auto& rates = decision.limits.rates;
  auto units = units_of(rates);
  auto started = co_await write_record(*ends_, vault, std::move(event), std::move(units));
  if (started) co_return started;
  if (started.error().reason != "rate_limit_exceeded") {
    co_return fail(ErrorCode::vault_unavailable, "audit_unavailable", "audit log unavailable");
  }
  if (derived_.snapshot == decision.snapshot) {
    derived_.closed_rates.note(rates, started.error(), ClosedRates::Clock::now());
  }
  co_return started;
}

asio::awaitable<Result<std::unique_ptr<Answer>>> Broker::Impl::send(const VaultPtr& vault,
                                                                    const Call& call,
                                                                    Decision& decision,
                                                                    EndRecord& record,
                                                                    RunningCalls::Ticket ticket) {
  const auto& credential = *decision.credential;
  policy::PlanOptions plan_options;
  plan_options.version = options_.version;
  auto planned = policy::plan(std::move(decision.approved), std::move(plan_options));

  const auto sent = [&decision] {
    const bool has_body = decision.body.source != nullptr;
    return EndRecord::Bytes{has_body ? decision.body.source->taken() : 0, 0};
  };
  auto material = co_await material_of(vault, decision, record);
  if (!material) co_return fail(co_await ended(record, std::move(material).error(), sent()));
  http::Headers own_headers;
  own_headers.push_back({std::string(protocol::kCapability), std::string(decision.capability->id)});
  own_headers.push_back({std::string(protocol::kCredential), credential.id});
  own_headers.push_back({std::string(protocol::kMethod), planned.method()});
  own_headers.push_back(
      {std::string(protocol::kUrl), policy::redacted_url(planned, credential.policy.auth)});
  const auto need = auth::body_need(credential.policy.auth);
  std::optional<OwnTime::Away> away(decision.own_time);  // Its caller sends it.
  auto held = co_await hold_body(decision.body, need);
  away.reset();
  if (!held) co_return fail(co_await ended(record, std::move(held).error(), sent()));
  material->body = *held;
  auto answer = co_await exchange(vault, call, decision, planned, *material, record);
  if (!answer) co_return fail(co_await ended(record, std::move(answer).error(), sent()));
  tally_.answered(decision.own_time.seconds());
  if (auto upgraded = (*answer)->take_upgraded()) {
    auto opened = open_socket(decision, call, *std::move(upgraded), (*answer)->head());
    opened.forms = std::move(material->forms);
    opened.own_headers = std::move(own_headers);
    ticket.end_with_lock();
    co_return std::make_unique<SocketRelay>(
        executor_, std::move(opened), std::move(record), std::move(ticket));
  }
  auto fits = check_declared(decision.limits, (*answer)->head());
  if (!fits) co_return fail(co_await ended(record, std::move(fits).error(), sent()));
  Relay::Treatment treatment;
  treatment.stages = stages_of(decision.limits, (*answer)->head().headers, derived_.blocklists);
  treatment.hold_back = decision.limits.max_response_bytes.has_value();
  treatment.forms = std::move(material->forms);
  treatment.scrub =
      options_.secret_echo ? policy::ScrubMode::off : scrub_mode_of(decision.limits.scrub);
  auto relay = std::make_unique<Relay>(*std::move(answer),
                                       credential.policy.auth,
                                       std::move(treatment),
                                       std::move(own_headers),
                                       std::move(record),
                                       std::move(ticket));
  CO_TRY(co_await relay->begin());
  co_return relay;
}

asio::awaitable<Result<VaultPtr>> Broker::Impl::open_vault() {
  if (auto open = slot_.peek()) co_return open;
  if (!opener_) opener_.emplace(1);
  auto open = [&slot = slot_] { return slot.get_or_create(); };
  co_return co_await run_on(opener_->get_executor(), std::move(open));
}

SocketRelay::Opened Broker::Impl::open_socket(const Decision& decision,
                                              const Call& call,
                                              upstream::Exchange::Upgraded upgraded,
                                              const upstream::ResponseHead& head) {
  using Scrub = AnswerMessages::Scrub;
  SocketRelay::Opened opened;
  opened.upstream = std::move(upgraded);
  opened.head = head;
  opened.auth = decision.credential->policy.auth;
  opened.limits = decision.limits;
  if (!decision.limits.blocklist.empty()) {
    opened.blocked = derived_.blocklists.rules_of(decision.limits.blocklist);
  }
  const bool text_only = decision.limits.scrub == policy::ScrubRule::off;
  opened.scrub = options_.secret_echo ? Scrub::nothing : text_only ? Scrub::text_only : Scrub::all;
  opened.max_message = options_.limits.socket_message;
  opened.idle = options_.socket_idle;
  opened.lifetime = call.timeout;
  opened.peer = decision.reach.authority.text();
  return opened;
}

Result<void> Broker::Impl::check_room(const RunningCalls::Ticket& ticket) const {
  const bool room = running_.running() <= options_.limits.calls;
  const bool room_for_caller = ticket.running_of_caller() <= options_.limits.calls_per_uid;
  if (room && room_for_caller) return {};
  tally_.limited(room ? "identity" : "total");
  return fail(
      Error{ErrorCode::policy_violation, "concurrency_limit", "too many concurrent requests", 1});
}

Result<std::shared_ptr<const policy::ScrubForms>> Broker::Impl::scrub_forms(
    const catalog::Credential& credential, const vault::OpenedSecret& secret) {
  const auto key = credential.id + ' ' + secret.record.id.str() + ' ' +
                   std::to_string(secret.record.value_version);
  auto& kept = derived_.scrub_forms;
  if (const auto found = kept.find(key); found != kept.end()) return found->second;
  TRY_ASSIGN(auto values,
             auth::secret_set(credential.policy.auth, secret.value, credential.public_fields));
  constexpr std::size_t kMaxKept = 64;  // Each lives in locked memory.
  if (kept.size() >= kMaxKept) kept.clear();
  auto forms = policy::ScrubForms::of(values);
  kept.emplace(key, forms);
  return forms;
}

}  // namespace aivault::broker
