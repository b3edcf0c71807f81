// find_credential: row 7 of a call: asks the vault about every credential that could serve it, and
// lets policy choose.
// Thread: the event loop (a few indexed reads). Errors: those of policy::choose and of the vault.
#pragma once

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

struct CredentialWish {
  const registry::Capability& capability;
  const std::optional<std::string>& named;  // By the caller.
  const vault::Context& context;
  UnixMs now;
};

// `candidates`: the named credential if it exists, or all of the provider.
Result<const catalog::Credential*> find_credential(
    vault::Vault& vault,
    std::span<const catalog::Credential* const> candidates,
    const CredentialWish& wish);

}  // namespace aivault::broker
