#include <utility>

#include "base/text.h"
#include "broker/broker_impl.h"
#include "broker/completion.h"
#include "broker/disabled.h"
#include "policy/read_only.h"
#include "policy/token_carriers.h"
#include "registry/registry.h"

namespace aivault::broker {
namespace {

using catalog::Credential;
using catalog::Snapshot;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

tl::unexpected<Error> retired(const registry::Retired& entry) {
  return fail(ErrorCode::capability_not_found, "capability_retired", registry::to_sentence(entry));
}

// The policies of every capability that reaches the call: naming a wider one evades none of them.
policy::CallLimits limits_of(const Snapshot& snapshot,
                             const registry::Capability& chosen,
                             const Reach& reach) {
  std::vector<policy::Limited> apply;
  for (const auto* policy : snapshot.policies_of(chosen.provider)) {
    const auto* limited = snapshot.find_capability(policy->capability);
    if (limited == &chosen || (limited != nullptr && covers(*limited, reach))) {
      apply.push_back({policy->capability, &policy->limits});
    }
  }
  if (apply.empty()) return {};
  return policy::strictest(chosen.id, apply);
}

// The windows of agents, beside those of capabilities.
void add_rates(const catalog::Authority& authority, policy::CallLimits& limits) {
  for (const auto& rate : authority.rates()) {
    limits.rates.push_back({"agent:" + rate.agent, rate.per_minute});
  }
}

// Named in bindings: the agent, or the OS user of a caller without one.
std::string consumer_of(const catalog::Authority& authority, const Caller& caller) {
  return authority.agent() != nullptr ? authority.agent()->name : caller.user;
}

policy::CallRequest request_of(const protocol::Envelope& envelope,
                               const OutgoingBody& body,
                               const std::optional<std::vector<std::string>>& upgrade,
                               bool read_only) {
  policy::CallRequest request;
  request.upgrades = upgrade.has_value();
  if (upgrade) request.protocols = *upgrade;
  request.read_only = read_only;
  request.method = envelope.method.value_or("");
  request.path = envelope.path.value_or("");
  request.headers = envelope.headers;
  request.has_body = body.source != nullptr;
  request.body_size = body.size;
  request.multipart_content_type = body.multipart_content_type;
  return request;
}

// As rules and records name it.
std::string method_of(const Call& call) {
  return call.upgrade ? "WS" : to_upper(call.envelope.method.value_or(""));
}

std::string without_query(std::string_view path) {
  return std::string(trim(path.substr(0, path.find('?'))));
}

}  // namespace

Result<Broker::Impl::Decision> Broker::Impl::decide(vault::Vault& vault,
                                                    Call& call,
                                                    audit::Event& event) {
  auto& envelope = call.envelope;
  event.method = method_of(call);
  event.path = without_query(envelope.path.value_or(""));
  TRY_ASSIGN(auto authority, authority_of(vault, call, event));
  if (call.client_ip) TRY(check_client(*call.client_ip));
  if (call.token) {
    TRY(policy::check_not_repeated(*call.token, envelope.path.value_or(""), envelope.headers));
  }
  auto snapshot = authority->snapshot();
  if (call.account) TRY(find_native(*authority, call, event));
  TRY_ASSIGN(const auto* capability, find_capability(*authority, call, event));
  if (call.complete_missing) {
    TRY(complete(*capability, envelope));
    event.method = method_of(call);
    event.path = without_query(*envelope.path);
  }
  TRY_ASSIGN(auto context, authority->context(call.workspace, call.group));
  event.workspace_id = context.workspace;
  event.group_id = context.group;

  const auto consumer = consumer_of(*authority, call.caller);
  auto named = envelope.credential;
  if (!named) named = authority->pinned(capability->provider);
  const auto method = to_upper(trim(envelope.method.value_or("")));
  const CredentialWish wish{*capability, method, named, context, consumer, now()};
  TRY_ASSIGN(const auto* credential, choose_credential(vault, *authority, wish, event));
  TRY_ASSIGN(auto source, find_source(vault, *snapshot, *credential, wish, event));
  if (call.account) TRY(make_native(envelope, credential->policy));

  TRY_ASSIGN(auto body, make_body(std::move(envelope.body), call.announced));
  auto limits = credential->policy;
  if (options_.allow_non_default_ports) limits.allow_any_port = true;
  auto request = request_of(envelope, body, call.upgrade, authority->is_read_only());
  TRY_ASSIGN(auto approved, policy::decide(*capability, limits, std::move(request)));
  event.host = approved.authority().text();
  event.path = approved.target().path();
  Reach reach{approved.authority(),
              approved.upgrades() ? "WS" : approved.method(),
              approved.target().path()};
  TRY(check_overlaps(*snapshot, *capability, reach));
  const bool by_body = policy::is_graphql_call(*capability, approved.method());
  const bool reads = policy::check_read_only(*capability, reach.method, approved.target()) &&
                     (!by_body || authority->is_read_only());
  auto claim = std::make_shared<const Claim>(Claim{call.caller,
                                                   call.token,
                                                   call.workspace,
                                                   call.group,
                                                   std::string(capability->id),
                                                   credential->id,
                                                   context,
                                                   reach,
                                                   reads,
                                                   authority->expires_at()});
  auto call_limits = limits_of(*snapshot, *capability, reach);
  add_rates(*authority, call_limits);
  TRY(limit_size(body, call_limits.max_request_bytes));
  TRY(derived_.closed_rates.check(call_limits.rates, ClosedRates::Clock::now()));
  return Decision{std::move(snapshot),
                  capability,
                  credential,
                  std::move(source.secret),
                  std::move(source.binding),
                  std::move(context),
                  std::move(approved),
                  std::move(reach),
                  std::move(call_limits),
                  std::move(body),
                  std::move(authority),
                  std::move(claim)};
}

Result<const Credential*> Broker::Impl::choose_credential(vault::Vault& vault,
                                                          const catalog::Authority& authority,
                                                          const CredentialWish& wish,
                                                          audit::Event& event) {
  const auto& snapshot = *authority.snapshot();
  const auto provider = wish.capability.provider;
  if (wish.named) {
    event.credential = *wish.named;
    TRY(authority.check_credential(*wish.named, provider));
  }
  auto offered = candidates(snapshot, provider, wish.named);
  std::erase_if(offered, [&](const Credential* credential) {
    return !authority.check_credential(credential->id, provider);
  });
  auto chosen = find_credential(vault, derived_.secrets, offered, wish);
  if (!chosen && chosen.error().reason == "secret_not_accessible" && !offered.empty()) {
    // The caller does not learn which secret it was; the record does.
    event.secret_id = offered.front()->secret_id.value_or(SecretId()).str();
  }
  if (!chosen && chosen.error().reason == "none_for_provider" && authority.is_operator()) {
    // Of which provider a damaged record is cannot be known: it may be the one that is missing.
    const auto damaged = candidates(snapshot, "", std::nullopt);
    if (!damaged.empty()) chosen.error().message += "; " + damaged.front()->state_detail;
  }
  if (chosen) event.credential = (*chosen)->id;
  return chosen;
}

Result<Broker::Impl::Source> Broker::Impl::find_source(vault::Vault& vault,
                                                       const Snapshot& snapshot,
                                                       const Credential& credential,
                                                       const CredentialWish& wish,
                                                       audit::Event& event) {
  if (!credential.secret_id) return vault_unavailable("secret_missing", "secret not found");
  event.secret_id = credential.secret_id->str();
  const auto* binding = snapshot.bindings().find(wish.capability.id, wish.context, wish.consumer);
  if (binding == nullptr) return Source{*credential.secret_id, ""};
  Source source{binding->secret_id, binding->id()};
  event.secret_id = source.secret.str();
  event.consumer = wish.consumer;
  if (!event.note.empty()) event.note += "; ";
  event.note += "binding " + source.binding;
  TRY(check_bound_secret(vault, derived_.secrets, credential, source.secret, wish));
  return source;
}

Result<void> Broker::Impl::check_unchanged(vault::Vault& vault,
                                           const Call& call,
                                           const Decision& decision,
                                           std::optional<std::int64_t> version) {
  audit::Event unused;
  TRY_ASSIGN(const auto authority, authority_of(vault, call, unused));
  TRY(check_allowed(*authority, *decision.claim));
  const auto snapshot = authority->snapshot();
  if (snapshot == decision.snapshot) return {};
  const auto& capability = *decision.capability;
  const std::optional<std::string> same(decision.credential->id);
  const auto consumer = consumer_of(*authority, call.caller);
  const auto& method = decision.reach.method;
  const CredentialWish wish{capability, method, same, decision.context, consumer, now()};
  const auto offered = candidates(*snapshot, capability.provider, same);
  TRY_ASSIGN(const auto* credential, find_credential(vault, derived_.secrets, offered, wish));
  TRY_ASSIGN(const auto source, find_source(vault, *snapshot, *credential, wish, unused));
  const bool is_same = source.secret == decision.secret &&
                       (!version || derived_.secrets.at(source.secret)->value_version == *version);
  if (is_same) return {};
  return vault_unavailable("secret_missing", "the secret was replaced while the call waited");
}

Result<const registry::Capability*> Broker::Impl::find_capability(
    const catalog::Authority& authority, const Call& call, audit::Event& event) const {
  const auto& snapshot = *authority.snapshot();
  const auto& id = call.envelope.capability;
  const auto* capability = snapshot.find_capability(id);
  if (capability == nullptr) {
    if (const auto* gone = snapshot.registry().find_retired(id)) return retired(*gone);
    if (authority.is_operator() && snapshot.is_refused(id)) {
      event.capability = id;
      return fail(check_readable(snapshot, id).error());
    }
    return unknown_capability(id);
  }
  event.capability = capability->id;
  using Judgement = catalog::Authority::Judgement;
  switch (authority.judge(*capability)) {
    case Judgement::granted: break;
    case Judgement::outside_token:
      return policy_violation("token_scope", "token is not scoped to this capability");
    case Judgement::not_granted:
      return policy_violation("agent_not_granted", "agent is not granted this capability");
    case Judgement::hidden:
      // Answers as if it did not exist; the record keeps the truth.
      event.code = to_string(ErrorCode::policy_violation);
      event.reason = "agent_not_granted";
      return unknown_capability(id);
  }
  TRY(check_enabled(snapshot, capability->id));
  return capability;
}

Result<std::shared_ptr<const Snapshot>> Broker::Impl::current_snapshot(vault::Vault& vault) {
  TRY_ASSIGN(auto snapshot, catalog_.current(vault));
  if (derived_.snapshot != snapshot) {
    derived_ = {};
    derived_.snapshot = snapshot;
    for (const auto& credential : snapshot->credentials()) {
      derived_.of_provider[credential.provider].push_back(&credential);
    }
  }
  return snapshot;
}

std::vector<const Credential*> Broker::Impl::candidates(
    const Snapshot& snapshot,
    std::string_view provider,
    const std::optional<std::string>& named) const {
  if (named) {
    const auto* found = snapshot.find_credential(*named);
    return found != nullptr ? std::vector{found} : std::vector<const Credential*>();
  }
  const auto found = derived_.of_provider.find(provider);
  return found != derived_.of_provider.end() ? found->second : std::vector<const Credential*>();
}

}  // namespace aivault::broker
