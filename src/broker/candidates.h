// find_credential: row 7 of a call: asks the vault about every credential that could serve it, and
// lets policy choose.
// Thread: the event loop (a few indexed reads). Errors: those of policy::choose and of the vault.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "catalog/credential.h"
#include "registry/definition.h"
#include "vault/vault.h"

namespace aivault::broker {

// How the vault is asked for the secret of a credential.
vault::Opener opener_of(const catalog::Credential& credential);

// What one snapshot of the catalog says about secrets; a change of any makes another snapshot.
// Empty: there is no such secret.
using KnownSecrets = std::map<SecretId, std::optional<vault::SecretRecord>>;

struct CredentialWish {
  const registry::Capability& capability;
  const std::string& method;                // In upper case.
  const std::optional<std::string>& named;  // By the caller.
  const vault::Context& context;
  const std::string& consumer;  // The OS user who calls.
  UnixMs now;
};

// `candidates`: the named credential if it exists, or all of the provider. `known` saves asking
// the vault again.
Result<const catalog::Credential*> find_credential(
    vault::Vault& vault,
    KnownSecrets& known,
    std::span<const catalog::Credential* const> candidates,
    const CredentialWish& wish);

// May this credential send that secret instead of its own? The same table, pins and time limits;
// a refusal never falls back to the credential's own secret.
Result<void> check_bound_secret(vault::Vault& vault,
                                KnownSecrets& known,
                                const catalog::Credential& credential,
                                const SecretId& bound,
                                const CredentialWish& wish);

}  // namespace aivault::broker
