#include "broker/candidates.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "catalog/derived.h"
#include "policy/choose.h"

namespace aivault::broker {
namespace {

using catalog::Credential;
using catalog::CredentialState;
using policy::Candidate;
using vault::Scope;

Candidate::Level level_of(Scope::Kind kind) {
  switch (kind) {
    case Scope::Kind::global: return Candidate::Level::global;
    case Scope::Kind::workspace: return Candidate::Level::workspace;
    case Scope::Kind::group: return Candidate::Level::group;
  }
  return Candidate::Level::global;
}

bool matches(const Scope& scope, const vault::Context& context) {
  if (scope.kind == Scope::Kind::global) return true;
  if (scope.workspace != context.workspace) return false;
  return scope.kind == Scope::Kind::workspace || scope.group == context.group;
}

// Does the auth kind of a registry credential serve this capability?
bool kind_serves(const Credential& credential, const CredentialWish& wish) {
  if (!credential.from_registry || credential.kind.empty()) return true;
  const auto& methods = credential.methods;
  if (!methods.empty() && std::ranges::find(methods, wish.method) == methods.end()) return false;
  const auto& allowed = wish.capability.kinds;
  if (!allowed.empty()) {
    return std::ranges::find(allowed, std::string_view(credential.kind)) != allowed.end();
  }
  return !credential.named_only || wish.named.has_value();
}

bool lists(const Credential& credential, const CredentialWish& wish) {
  const auto& list = credential.capability_list;
  const bool listed = list.empty() || std::ranges::find(list, wish.capability.id) != list.end();
  return listed && kind_serves(credential, wish);
}

Error defect(ErrorCode code, std::string reason, const Credential& credential) {
  const auto& detail = credential.state_detail;
  return Error{code,
               std::move(reason),
               "credential '" + credential.id + "' " +
                   (detail.empty() ? std::string(to_string(credential.state)) : detail),
               0};
}

std::optional<Error> defect_of(const Credential& credential) {
  using enum ErrorCode;
  switch (credential.state) {
    case CredentialState::ready: return std::nullopt;
    case CredentialState::needs_secret:
      return defect(vault_unavailable, "secret_missing", credential);
    case CredentialState::needs_host: return defect(credential_not_found, "needs_host", credential);
    case CredentialState::needs_param:
      return defect(credential_not_found, "needs_param", credential);
    case CredentialState::invalid_secret:
      return defect(vault_unavailable, "secret_malformed", credential);
    case CredentialState::disabled:
      return defect(credential_not_found, "credential_disabled", credential);
    case CredentialState::damaged:
      return defect(credential_not_found, "record_damaged", credential);
  }
  return defect(credential_not_found, "record_damaged", credential);
}

bool takes_part(const Credential& credential, const CredentialWish& wish) {
  return credential.enabled && credential.secret_id && matches(credential.scope, wish.context);
}

// Reads, in one look, the records of secrets that are not known yet. One refused row takes its own
// credential out of service and no other; it is asked for again by the next call.
Result<void> learn(vault::Vault& vault,
                   const std::vector<SecretId>& wanted,
                   KnownSecrets& known,
                   std::map<SecretId, Error>& refused) {
  std::vector<SecretId> missing;
  std::ranges::copy_if(
      wanted, std::back_inserter(missing), [&](const SecretId& id) { return !known.contains(id); });
  if (missing.empty()) return {};
  return vault.read([&](vault::Reader& reader) -> Result<void> {
    for (const auto& id : missing) {
      auto record = reader.secret(id);
      if (record) {
        known.emplace(id, *std::move(record));
      } else if (record.error().reason == "row_integrity") {
        refused.emplace(id, std::move(record).error());
      } else {
        return fail(std::move(record).error());
      }
    }
    return {};
  });
}

// Why a secret that this credential may open cannot serve it, if so.
std::optional<Error> defect_of(const vault::SecretRecord& secret,
                               const Credential& credential,
                               UnixMs now) {
  using enum ErrorCode;
  if (secret.revoked_at) return Error{vault_unavailable, "secret_missing", "secret revoked", 0};
  if (secret.expires_at && *secret.expires_at <= now) {
    return Error{vault_unavailable, "secret_expired", "secret expired", 0};
  }
  if (catalog::pin_allows(secret.pinned_provider, credential.provider)) return std::nullopt;
  return Error{policy_violation,
               "secret_pinned",
               "credential '" + credential.id + "' provider '" + credential.provider +
                   "' cannot use secret pinned to provider '" + *secret.pinned_provider + "'",
               0};
}

void judge_secret(const vault::SecretRecord& secret,
                  const Credential& credential,
                  const CredentialWish& wish,
                  Candidate& candidate) {
  candidate.level = std::max(candidate.level, level_of(secret.scope.kind));
  const auto allowed =
      vault::may_open(secret.scope, secret.attached, wish.context, opener_of(credential));
  candidate.secret_accessible = allowed.has_value();
  if (!allowed || candidate.defect) return;
  candidate.defect = defect_of(secret, credential, wish.now);
}

Candidate candidate_of(const Credential& credential, const CredentialWish& wish) {
  Candidate candidate;
  candidate.id = credential.id;
  candidate.provider = credential.provider;
  candidate.level = level_of(credential.scope.kind);
  candidate.priority = credential.priority;
  candidate.enabled = credential.enabled;
  if (credential.state == CredentialState::damaged) {
    // Nothing of such a record is known but its id; whoever names it is told so.
    candidate.provider = wish.capability.provider;
    candidate.enabled = true;
  }
  candidate.scope_matches = matches(credential.scope, wish.context);
  candidate.lists_capability = lists(credential, wish);
  candidate.defect = defect_of(credential);
  return candidate;
}

}  // namespace

vault::Opener opener_of(const Credential& credential) {
  return credential.derived && credential.scope.kind == Scope::Kind::global
             ? vault::Opener::derived_global_credential
             : vault::Opener::other;
}

Result<const Credential*> find_credential(vault::Vault& vault,
                                          KnownSecrets& known,
                                          std::span<const Credential* const> candidates,
                                          const CredentialWish& wish) {
  std::vector<SecretId> wanted;
  for (const auto* credential : candidates) {
    if (takes_part(*credential, wish)) wanted.push_back(*credential->secret_id);
  }
  std::map<SecretId, Error> refused;
  TRY(learn(vault, wanted, known, refused));
  std::vector<Candidate> judged;
  judged.reserve(candidates.size());
  for (const auto* credential : candidates) {
    auto candidate = candidate_of(*credential, wish);
    if (takes_part(*credential, wish)) {
      const auto& id = *credential->secret_id;
      const auto found = known.find(id);
      if (found == known.end()) {
        candidate.defect = refused.at(id);
      } else if (found->second) {
        judge_secret(*found->second, *credential, wish, candidate);
      } else {
        candidate.secret_accessible = false;
      }
    } else if (!credential->secret_id && credential->state != CredentialState::damaged) {
      candidate.secret_accessible = false;
    }
    judged.push_back(std::move(candidate));
  }
  TRY_ASSIGN(const auto chosen, policy::choose(judged, wish.named, wish.capability.provider));
  return candidates[chosen];
}

Result<void> check_bound_secret(vault::Vault& vault,
                                KnownSecrets& known,
                                const Credential& credential,
                                const SecretId& bound,
                                const CredentialWish& wish) {
  std::map<SecretId, Error> refused;
  TRY(learn(vault, {bound}, known, refused));
  const auto found = known.find(bound);
  if (found == known.end()) return fail(refused.at(bound));
  if (!found->second) return vault_unavailable("secret_missing", "secret not found");
  const auto& secret = *found->second;
  TRY(vault::may_open(secret.scope, secret.attached, wish.context, opener_of(credential)));
  if (auto defect = defect_of(secret, credential, wish.now)) return fail(*std::move(defect));
  return {};
}

}  // namespace aivault::broker
