// LockedVault: the database of a vault without its keys, for what may be looked at meanwhile.
// Nothing that it says is verified, and no value can be opened with it.
// Thread: one at a time. Errors: not_initialised, old_format, newer_format, unsafe_path, busy,
// damaged, not_writable, and key_unavailable for a provider entry that is malformed.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "platform/directory.h"
#include "platform/range_lock.h"
#include "store/database.h"
#include "vault/key_provider.h"
#include "vault/stored_row.h"
#include "vault/vault.h"

namespace aivault::vault {

class LockedVault {
 public:
  static Result<std::unique_ptr<LockedVault>> open(const Options& options);

  const platform::Directory& root() const { return root_; }
  const KeyProvider& provider() const { return provider_; }
  const VaultRow& row() const { return row_; }
  Status status() const;  // As locked.

  Result<void> read(const std::function<Result<void>(Reader&)>& work);
  // Until they can be chained; see pending.h.
  Result<void> keep(const std::vector<audit::Event>& events);

 private:
  LockedVault(platform::Directory root, platform::RangeLock lock, store::Database database)
      : root_(std::move(root)), lock_(std::move(lock)), database_(std::move(database)) {}

  platform::Directory root_;
  platform::RangeLock lock_;
  store::Database database_;
  VaultRow row_;
  KeyProvider provider_;
};

}  // namespace aivault::vault
