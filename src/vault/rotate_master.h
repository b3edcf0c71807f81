// rotate_master: gives an open vault another master key, provider, or both: the key is staged, all
// rows are re-wrapped, verified and committed in one transaction, then the key files follow. Killed
// anywhere, the next open finds one key that fits and finishes the rest (docs/master-key.md).
// Thread: planning any, the rest the writer's. Errors: invalid_request record_invalid | changed,
// key_unavailable, busy, row_integrity naming the row in the way, not_writable; after one of these
// the old key is in force.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "store/database.h"
#include "vault/core.h"
#include "vault/key_files.h"
#include "vault/rotate_master_rows.h"
#include "vault/vault.h"

namespace aivault::vault {

// What is to be done, with the new key at hand: made before anything waits.
struct RotationPlan {
  VaultRow present;  // As it was then.
  KeyProvider before, after;
  Secret key;
  bool adopted = false;    // The file of `after` is there and holds the key.
  bool of_unused = false;  // Only if the vault never held anything; the key may be the same.

  bool from_file() const { return before.kind == KeyProvider::Kind::file; }
  bool to_file() const { return after.kind == KeyProvider::Kind::file; }
  bool same_file() const { return from_file() && to_file() && before.path == after.path; }
};
Result<RotationPlan> plan_rotation(const VaultRow& present,
                                   NewMaster wanted,
                                   const platform::Directory& root,
                                   const KeySources& sources);

// For `init` on a vault that was never used: the key is the one of the provider.
Result<RotationPlan> plan_for_unused(const VaultRow& present,
                                     const ProviderChoice& choice,
                                     const Options& options,
                                     const platform::Directory& root);

// On the writer's thread, alone. Gives the notices.
Result<std::vector<std::string>> rotate(const RotationPlan& plan,
                                        Core& core,
                                        store::Database& database,
                                        const audit::Event& who);

// The verified row of the vault, of this moment; on the writer's thread, alone.
Result<VaultRow> present_row(Core& core, store::Database& database);

// exists (`vault already initialized at '<root>'`) if it ever held anything. For the holder of
// writing().
Result<void> check_never_used(Core& core, store::Database& database);

// At open, on the writer's thread, alone: what a rotation that was cut short has left.
Result<void> finish_rotation(Core& core, store::Database& database);

}  // namespace aivault::vault
