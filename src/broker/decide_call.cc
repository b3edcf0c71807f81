#include <utility>

#include "base/text.h"
#include "broker/broker_impl.h"
#include "broker/completion.h"
#include "broker/overlap.h"
#include "registry/registry.h"

namespace aivault::broker {
namespace {

using catalog::Credential;
using catalog::Snapshot;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

auto unknown_capability(std::string_view id) {
  return fail(ErrorCode::capability_not_found,
              "unknown_capability",
              "capability not found: '" + quote_for_message(id) + "'");
}

tl::unexpected<Error> retired(const registry::Retired& entry) {
  return fail(ErrorCode::capability_not_found, "capability_retired", registry::to_sentence(entry));
}

Result<void> check_readable(const Snapshot& snapshot, std::string_view capability) {
  if (!snapshot.is_refused(capability)) return {};
  return vault_unavailable("row_integrity",
                           "row integrity check failed: capabilities/" +
                               quote_for_message(capability) +
                               ": the record that limits it is refused");
}

Result<void> check_enabled(const Snapshot& snapshot, std::string_view capability) {
  TRY(check_readable(snapshot, capability));
  if (snapshot.is_disabled(capability)) {
    return policy_violation("capability_disabled", "capability is disabled");
  }
  return {};
}

// Of a refused own capability only the id is known. By custom it begins with the provider; then it
// may have reached whatever the provider's own capabilities reach.
bool may_limit(std::string_view unknown, const registry::Capability& chosen) {
  return chosen.form == registry::PathForm::prefix &&
         unknown.starts_with(std::string(chosen.provider) + '/');
}

// A disabled capability cannot be evaded by naming a wider one that covers the same call; nor can
// one whose row is damaged or gone, for it may have been disabled.
Result<void> check_overlaps(const Snapshot& snapshot,
                            const registry::Capability& chosen,
                            const Reach& reach) {
  const auto reaches = [&](const registry::Capability& other) {
    return other.provider == chosen.provider && covers(other, reach);
  };
  for (const auto& id : snapshot.refused()) {
    const auto* other = snapshot.find_capability(id);
    if (other != nullptr ? reaches(*other) : may_limit(id, chosen)) {
      TRY(check_readable(snapshot, id));
    }
  }
  for (const auto& id : snapshot.disabled()) {
    const auto* other = snapshot.find_capability(id);
    if (other != nullptr && reaches(*other)) {
      return policy_violation("capability_disabled",
                              "capability is disabled: '" + id + "' covers this call");
    }
  }
  return {};
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

policy::CallRequest request_of(const protocol::Envelope& envelope, const OutgoingBody& body) {
  policy::CallRequest request;
  request.method = envelope.method.value_or("");
  request.path = envelope.path.value_or("");
  request.headers = envelope.headers;
  request.has_body = body.source != nullptr;
  request.body_size = body.size;
  request.multipart_content_type = body.multipart_content_type;
  return request;
}

std::string without_query(std::string_view path) {
  return std::string(trim(path.substr(0, path.find('?'))));
}

}  // namespace

Result<vault::Context> context_of(const Call& call) {
  const bool stated = !call.workspace.empty() || !call.group.empty();
  if (stated && !call.caller.is_operator) {
    return policy_violation("context_not_allowed", "context not granted");
  }
  return vault::make_context(call.workspace, call.group);
}

bool may_use(const Caller& caller, const registry::Capability& capability) {
  const bool needs_exact_grant = capability.emits || capability.is_explicit || capability.nested;
  return !needs_exact_grant || caller.is_operator;
}

Result<Broker::Impl::Decision> Broker::Impl::decide(vault::Vault& vault,
                                                    Call& call,
                                                    audit::Event& event) {
  auto& envelope = call.envelope;
  event.method = to_upper(envelope.method.value_or(""));
  event.path = without_query(envelope.path.value_or(""));
  if (call.client_ip) TRY(check_client(*call.client_ip));
  TRY_ASSIGN(auto snapshot, current_snapshot(vault));
  if (call.account) TRY(find_native(*snapshot, call, event));
  TRY_ASSIGN(const auto* capability, find_capability(*snapshot, call, event));
  if (call.complete_missing) {
    TRY(complete(*capability, envelope));
    event.method = to_upper(*envelope.method);
    event.path = without_query(*envelope.path);
  }
  TRY_ASSIGN(auto context, context_of(call));
  event.workspace_id = context.workspace;
  event.group_id = context.group;

  const CredentialWish wish{*capability, envelope.credential, context, call.caller.user, now()};
  if (envelope.credential) event.credential = *envelope.credential;
  const auto offered = candidates(*snapshot, capability->provider, envelope.credential);
  auto chosen = find_credential(vault, derived_.secrets, offered, wish);
  if (!chosen && chosen.error().reason == "secret_not_accessible" && !offered.empty()) {
    // The caller does not learn which secret it was; the record does.
    event.secret_id = offered.front()->secret_id.value_or(SecretId()).str();
  }
  if (!chosen && chosen.error().reason == "none_for_provider") {
    // Of which provider a damaged record is cannot be known: it may be the one that is missing.
    const auto damaged = candidates(*snapshot, "", std::nullopt);
    if (!damaged.empty()) chosen.error().message += "; " + damaged.front()->state_detail;
  }
  TRY_ASSIGN(const auto* credential, std::move(chosen));
  event.credential = credential->id;
  TRY_ASSIGN(auto source, find_source(vault, *snapshot, *credential, wish, event));
  if (call.account) TRY(make_native(envelope, credential->policy));

  TRY_ASSIGN(auto body, make_body(std::move(envelope.body), call.announced));
  auto limits = credential->policy;
  if (options_.allow_non_default_ports) limits.allow_any_port = true;
  TRY_ASSIGN(auto approved, policy::decide(*capability, limits, request_of(envelope, body)));
  event.host = approved.authority().text();
  event.path = approved.target().path();
  Reach reach{approved.authority(), approved.method(), approved.target().path()};
  TRY(check_overlaps(*snapshot, *capability, reach));
  auto call_limits = limits_of(*snapshot, *capability, reach);
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
                  std::move(body)};
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
  TRY_ASSIGN(const auto snapshot, current_snapshot(vault));
  if (snapshot == decision.snapshot) return {};
  const auto& capability = *decision.capability;
  if (snapshot->find_capability(capability.id) == nullptr) return unknown_capability(capability.id);
  TRY(check_enabled(*snapshot, capability.id));
  TRY(check_overlaps(*snapshot, capability, decision.reach));
  const std::optional<std::string> same(decision.credential->id);
  const CredentialWish wish{capability, same, decision.context, call.caller.user, now()};
  const auto offered = candidates(*snapshot, capability.provider, same);
  TRY_ASSIGN(const auto* credential, find_credential(vault, derived_.secrets, offered, wish));
  audit::Event unused;
  TRY_ASSIGN(const auto source, find_source(vault, *snapshot, *credential, wish, unused));
  const bool is_same = source.secret == decision.secret &&
                       (!version || derived_.secrets.at(source.secret)->value_version == *version);
  if (is_same) return {};
  return vault_unavailable("secret_missing", "the secret was replaced while the call waited");
}

Result<const registry::Capability*> Broker::Impl::find_capability(const Snapshot& snapshot,
                                                                  const Call& call,
                                                                  audit::Event& event) const {
  const auto& id = call.envelope.capability;
  const auto* capability = snapshot.find_capability(id);
  if (capability == nullptr) {
    if (const auto* gone = snapshot.registry().find_retired(id)) return retired(*gone);
    if (call.caller.is_operator && snapshot.is_refused(id)) {
      event.capability = id;
      return fail(check_readable(snapshot, id).error());
    }
    return unknown_capability(id);
  }
  event.capability = capability->id;
  if (!may_use(call.caller, *capability)) {
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
