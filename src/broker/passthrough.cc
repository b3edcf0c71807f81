#include "policy/passthrough.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "broker/broker_impl.h"
#include "policy/token_carriers.h"

namespace aivault::broker {
namespace {

using catalog::Credential;
using catalog::Snapshot;

constexpr std::size_t kMaxRecorded = 8;  // Capabilities that match as well.

auto unknown_credential(std::string_view account) {
  return fail(ErrorCode::credential_not_found,
              "unknown_credential",
              "credential not found: '" + quote_for_message(account) + "'");
}

// What a credential is for: by its own list, and by the capabilities that name its auth kind.
bool lists(const Credential& credential, const registry::Capability& capability) {
  const auto& list = credential.capability_list;
  if (!list.empty() && std::ranges::find(list, capability.id) == list.end()) return false;
  const auto& kinds = capability.kinds;
  if (kinds.empty() || !credential.from_registry || credential.kind.empty()) return true;
  return std::ranges::find(kinds, std::string_view(credential.kind)) != kinds.end();
}

// Those of the provider that one of the credentials lists.
std::vector<const registry::Capability*> offered_by(
    const Snapshot& snapshot,
    std::string_view provider,
    const std::vector<const Credential*>& credentials) {
  std::vector<const registry::Capability*> offered;
  const auto offer = [&](const registry::Capability& capability) {
    const bool listed = std::ranges::any_of(
        credentials, [&](const Credential* credential) { return lists(*credential, capability); });
    if (listed && !snapshot.is_disabled(capability.id)) offered.push_back(&capability);
  };
  if (const auto* known = snapshot.registry().find_provider(provider)) {
    for (const auto& capability : known->capabilities) offer(capability);
  }
  for (const auto& own : snapshot.own_capabilities()) {
    if (own->capability().provider == provider) offer(own->capability());
  }
  return offered;
}

// For the record: a call may be reached by more than the capability that serves it.
std::string note_of(const std::vector<const registry::Capability*>& matches) {
  if (matches.size() < 2) return {};
  std::vector<std::string_view> ids;
  for (const auto* match : matches) ids.push_back(match->id);
  std::ranges::sort(ids);
  std::string note = "matches";
  for (std::size_t i = 0; i < std::min(ids.size(), kMaxRecorded); ++i) {
    note.append(i == 0 ? " " : ", ").append(ids[i]);
  }
  if (ids.size() > kMaxRecorded) note += ", ...";
  return note;
}

// Of a named credential that there is, else of all of a provider of that name.
std::string_view provider_of(const Snapshot& snapshot, std::string_view account) {
  const auto* named = snapshot.find_credential(account);
  return named != nullptr ? std::string_view(named->provider) : account;
}

}  // namespace

Result<std::shared_ptr<const Secret>> Broker::Impl::take_native_token(const std::string& account,
                                                                      http::Headers& headers,
                                                                      std::string& target) {
  std::vector<const registry::AuthSpec*> auths;
  std::shared_ptr<const Snapshot> snapshot;
  if (const auto vault = slot_.peek()) {
    // Without a snapshot the call says itself what is wrong.
    if (auto current = current_snapshot(*vault)) snapshot = *std::move(current);
  }
  if (snapshot) {
    for (const auto* credential : candidates(*snapshot, provider_of(*snapshot, account), {})) {
      auths.push_back(&credential->policy.auth);
    }
  }
  return policy::take_native_token(headers, target, auths);
}

Result<void> Broker::Impl::find_native(const catalog::Authority& authority,
                                       Call& call,
                                       audit::Event& event) {
  const auto& snapshot = *authority.snapshot();
  auto& envelope = call.envelope;
  const auto& account = *call.account;
  std::string provider = account;
  if (const auto* named = snapshot.find_credential(account)) {
    provider = named->provider;
    envelope.credential = account;
    event.credential = account;
  }
  if (envelope.credential) TRY(authority.check_credential(account, provider));
  const auto credentials = candidates(snapshot, provider, envelope.credential);
  if (credentials.empty()) return unknown_credential(account);
  if (credentials.front()->state == catalog::CredentialState::damaged) {
    return fail(
        ErrorCode::credential_not_found,
        "record_damaged",
        "credential '" + credentials.front()->id + "' " + credentials.front()->state_detail);
  }
  TRY(authority.context(call.workspace, call.group));
  TRY_ASSIGN(const auto target, http::parse_target(envelope.path.value_or("")));

  auto offered = offered_by(snapshot, provider, credentials);
  std::erase_if(offered, [&](const registry::Capability* capability) {
    return !authority.grants(*capability);
  });
  const auto method = call.upgrade ? std::string("WS") : envelope.method.value_or("");
  const auto matches = policy::matching_capabilities(offered, method, target.path());
  if (matches.empty()) {
    return fail(ErrorCode::capability_not_found,
                "no_match",
                "no passthrough capability matched method/path");
  }
  envelope.capability = matches.front()->id;
  event.note = note_of(matches);
  return {};
}

Result<void> make_native(protocol::Envelope& envelope, const policy::CredentialPolicy& credential) {
  TRY_ASSIGN(envelope.path,
             policy::without_managed_parameters(envelope.path.value_or(""), credential));
  envelope.headers = policy::join_repeats(envelope.headers);
  return {};
}

}  // namespace aivault::broker
