// Provision: keeps composites and derived credentials in step with the secrets they are made of,
// inside the change of a secret. Reading never provisions.
// Thread: the vault's writer thread. Errors: those of the change; invalid_request record_invalid
// when a value does not fit the auth kind that its name is claimed for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "registry/definition.h"
#include "vault/vault.h"

namespace aivault::catalog {

struct Step {
  enum class Kind : std::uint8_t {
    provisioned,
    reconciled,
    stays_disabled,
    waiting,
    removed,
    taken
  };
  Kind kind = Kind::provisioned;
  std::string credential;  // All but waiting.
  std::string provider;
  std::size_t capabilities = 0;      // Served ones: provisioned, reconciled.
  std::vector<std::string> missing;  // Secret names: waiting.
};

// Looks at one provider in one exact scope. `touched`: the name of the secret that has a new value
// or a new name; its kinds are checked and its composites sealed anew. `who`: the actor, copied
// into every record.
Result<std::vector<Step>> keep_in_step(vault::Change& change,
                                       const registry::Provider& provider,
                                       const vault::Scope& scope,
                                       std::string_view touched,
                                       const audit::Event& who);

// The same for every provider and scope that has secrets, composites or derived credentials, and
// removes what the registry no longer makes.
Result<std::vector<Step>> keep_everything_in_step(vault::Change& change, const audit::Event& who);

// Notes in a vault that knows of no registry yet that this one keeps it in step.
Result<void> remember_registry(vault::Change& change);

// Removes a credential with its record.
Result<Step> remove_credential(vault::Change& change,
                               const vault::CredentialRow& row,
                               const audit::Event& who);

// Judges the credentials that name this secret again, after it got a new value.
Result<void> judge_users_again(vault::Change& change,
                               const vault::SecretRecord& secret,
                               const Secret& value);

// A record of `who`; fields of the credential row filled in.
audit::Event event_of(const audit::Event& who, std::string kind);
audit::Event event_of(const audit::Event& who, std::string kind, const vault::CredentialRow& row);
// The hash of a definition, by which a record says exactly what was stored.
std::string body_note(std::string_view body);

}  // namespace aivault::catalog
