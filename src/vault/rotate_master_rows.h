// rotate_master_rows: puts every row of a vault under another master key, within one transaction of
// the caller, and verifies the outcome with the new key alone. Memory does not grow with the rows.
// Thread: that of the database. Errors: row_integrity, naming the row that stands in the way;
// damaged; those of the store. After an error the caller rolls back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "audit/event.h"
#include "base/result.h"
#include "crypto/running_hash.h"
#include "store/database.h"
#include "store/seals.h"
#include "vault/keyring.h"
#include "vault/revisions.h"

namespace aivault::vault {

// What is right before: as remembered, of this very transaction.
struct Present {
  const Keyring& keys;
  const Revisions& revisions;
  const store::StateRow& state;
};

struct NextKey {
  std::shared_ptr<const MasterKeys> master;
  std::string provider;               // JSON
  std::optional<std::string> retire;  // See VaultRow.
};

struct Rewritten {
  VaultRow vault;
  std::shared_ptr<const Keyring> keys;  // With a new audit epoch.
  std::int64_t secrets = 0;             // That have a value.
  crypto::RunningHash deks;             // Over (id, DEK) of each of these.
};

// `event` gets a note with both key ids and the number of secrets; `more` is added to it.
Result<Rewritten> rewrite_rows(store::Database& database,
                               const Present& present,
                               const NextKey& next,
                               audit::Event event,
                               const std::string& more,
                               UnixMs now);

// `alone`: the new key, obtained anew. Every MAC, every DEK, the check record, the digest.
Result<void> verify_rewritten(store::Database& database,
                              const MasterKeys& alone,
                              Rewritten& rewritten);

}  // namespace aivault::vault
