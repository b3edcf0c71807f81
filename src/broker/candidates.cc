#include "broker/candidates.h"

#include <algorithm>
#include <vector>

#include "catalog/derived.h"
#include "policy/choose.h"
#include "registry/registry.h"

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
  const auto* provider =
      credential.from_registry ? registry::find_provider(credential.provider) : nullptr;
  if (provider == nullptr || credential.kind.empty()) return true;
  const auto& allowed = wish.capability.kinds;
  if (!allowed.empty()) {
    return std::ranges::find(allowed, std::string_view(credential.kind)) != allowed.end();
  }
  const auto kind = std::ranges::find(
      provider->kinds, std::string_view(credential.kind), &registry::AuthKind::name);
  return kind == provider->kinds.end() || !kind->named_only || wish.named.has_value();
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

// Fills in what the vault says about the credential's secret.
Result<void> ask_about_secret(vault::Reader& reader,
                              const Credential& credential,
                              const CredentialWish& wish,
                              Candidate& candidate) {
  if (!credential.secret_id) {
    candidate.secret_accessible = false;
    return {};
  }
  auto read = reader.secret(*credential.secret_id);
  if (!read) {
    // One refused row takes its own credential out of service and no other.
    if (read.error().reason != "row_integrity") return fail(std::move(read).error());
    candidate.defect = std::move(read).error();
    return {};
  }
  if (!*read) {
    candidate.secret_accessible = false;
    return {};
  }
  const auto& secret = **read;
  candidate.level = std::max(candidate.level, level_of(secret.scope.kind));
  const auto allowed =
      vault::may_open(secret.scope, secret.attached, wish.context, opener_of(credential));
  candidate.secret_accessible = allowed.has_value();
  if (!allowed || candidate.defect) return {};
  using enum ErrorCode;
  if (secret.revoked_at) {
    candidate.defect = Error{vault_unavailable, "secret_missing", "secret revoked", 0};
  } else if (secret.expires_at && *secret.expires_at <= wish.now) {
    candidate.defect = Error{vault_unavailable, "secret_expired", "secret expired", 0};
  } else if (!catalog::pin_allows(secret.pinned_provider, credential.provider)) {
    candidate.defect =
        Error{policy_violation,
              "secret_pinned",
              "credential '" + credential.id + "' provider '" + credential.provider +
                  "' cannot use secret pinned to provider '" + *secret.pinned_provider + "'",
              0};
  }
  return {};
}

}  // namespace

vault::Opener opener_of(const Credential& credential) {
  return credential.derived && credential.scope.kind == Scope::Kind::global
             ? vault::Opener::derived_global_credential
             : vault::Opener::other;
}

Result<const Credential*> find_credential(vault::Vault& vault,
                                          std::span<const Credential* const> candidates,
                                          const CredentialWish& wish) {
  std::vector<Candidate> judged;
  judged.reserve(candidates.size());
  TRY(vault.read([&](vault::Reader& reader) -> Result<void> {
    for (const auto* credential : candidates) {
      Candidate candidate;
      candidate.id = credential->id;
      candidate.provider = credential->provider;
      candidate.level = level_of(credential->scope.kind);
      candidate.priority = credential->priority;
      candidate.enabled = credential->enabled;
      if (credential->state == CredentialState::damaged) {
        // Nothing of such a record is known but its id; whoever names it is told so.
        candidate.provider = wish.capability.provider;
        candidate.enabled = true;
      }
      candidate.scope_matches = matches(credential->scope, wish.context);
      candidate.lists_capability = lists(*credential, wish);
      candidate.defect = defect_of(*credential);
      if (credential->enabled && candidate.scope_matches) {
        TRY(ask_about_secret(reader, *credential, wish, candidate));
      }
      judged.push_back(std::move(candidate));
    }
    return {};
  }));
  TRY_ASSIGN(const auto chosen, policy::choose(judged, wish.named, wish.capability.provider));
  return candidates[chosen];
}

}  // namespace aivault::broker
