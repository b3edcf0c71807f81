// SecretChanges: creating, updating, rotating and deleting a secret with all that follows from it
// in the same transaction: pins, composites, derived credentials, and the records of it. Thread:
// the vault's writer thread. Errors: those of the change; invalid_request not_found |
// record_invalid; policy_violation secret_pinned; vault_unavailable secret_missing when revoked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "base/secret.h"
#include "catalog/provision.h"
#include "vault/vault.h"

namespace aivault::catalog {

struct SecretOutcome {
  vault::SecretRecord secret;
  std::vector<Step> steps;
};

// A claimed name pins. `pinned_provider` of `wanted` is set here, whatever it says.
Result<SecretOutcome> create_secret(vault::Change& change,
                                    vault::NewSecret wanted,
                                    const Secret& value,
                                    const audit::Event& who);
// A new name that is claimed pins an unpinned secret; one that is pinned elsewhere cannot have it.
// `fields`: what the request names, for the record.
Result<SecretOutcome> update_secret(vault::Change& change,
                                    const SecretId& id,
                                    vault::SecretUpdate update,
                                    std::string_view fields,
                                    const audit::Event& who);
Result<SecretOutcome> rotate_secret(vault::Change& change,
                                    const SecretId& id,
                                    const Secret& value,
                                    std::optional<std::int64_t> expected_version,
                                    const audit::Event& who);
// The same by the daemon, of tokens that `who.host` gave: audited as oauth.refresh.
Result<SecretOutcome> write_back_secret(vault::Change& change,
                                        const SecretId& id,
                                        const Secret& value,
                                        std::int64_t expected_version,
                                        const audit::Event& who);
// A row that is refused goes without its content being trusted. One that was revoked before stays
// as it is and nothing is recorded.
Result<SecretOutcome> delete_secret(vault::Change& change,
                                    const SecretId& id,
                                    const audit::Event& who);

// Rotates the live secret of that name in that scope, else creates one, and pins it.
struct ImportOutcome {
  SecretOutcome done;
  bool is_new = false;
};
Result<ImportOutcome> import_secret(vault::Change& change,
                                    const vault::Scope& scope,
                                    std::string_view name,
                                    const Secret& value,
                                    const audit::Event& who);

// A secret that an operator may change: live, and not one of the system's.
Result<vault::SecretRecord> changeable_secret(vault::Reader& reader, const SecretId& id);

}  // namespace aivault::catalog
