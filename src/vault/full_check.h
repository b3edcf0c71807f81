// full_check: everything that is verified before a secret of a vault may be opened: schema, key,
// check record, the keys of the vault, the seal over all rows, the head of the audit.
// Thread: that of the database; runs inside one transaction of the caller. Writes nothing.
// Errors: damaged, newer_format, key_unavailable, wrong_key, vault_locked, row_integrity.
#pragma once

#include <memory>

#include "base/result.h"
#include "platform/directory.h"
#include "store/database.h"
#include "store/seals.h"
#include "vault/digest.h"
#include "vault/key_provider.h"
#include "vault/keyring.h"
#include "vault/revisions.h"

namespace aivault::vault {

struct Checked {
  VaultRow vault;
  KeyProvider provider;
  std::shared_ptr<const Keyring> keys;
  std::shared_ptr<Revisions> revisions;
  store::StateRow state;
  Digest digest;
};

// `known`: keys in memory, used again if they still belong to the vault; may be nullptr.
Result<Checked> check_in_full(store::Database& database,
                              const platform::Directory& root,
                              const KeyInput& input,
                              const std::shared_ptr<const Keyring>& known);

}  // namespace aivault::vault
