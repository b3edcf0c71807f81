// Catalog: the current Snapshot of a vault; builds a new one when the vault's counter has moved,
// whoever moved it.
// Thread: any. Errors: those of the vault.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "catalog/approvals.h"
#include "catalog/minted_tokens.h"
#include "catalog/snapshot.h"
#include "vault/vault.h"

namespace aivault::catalog {

class Catalog {
 public:
  // Cheap when nothing changed: one counter comparison.
  Result<std::shared_ptr<const Snapshot>> current(vault::Vault& vault);
  // Of one moment, kept nowhere.
  static Result<std::shared_ptr<const Snapshot>> of(vault::Reader& reader);

  // The calls that wait for the operator in this process.
  Approvals& approvals() { return approvals_; }
  // The tokens that callers of this process asked for.
  MintedTokens& minted() { return minted_; }

 private:
  std::mutex guard_;
  std::int64_t counter_ = -1;
  const vault::Vault* vault_ = nullptr;
  std::shared_ptr<const Snapshot> snapshot_;
  Approvals approvals_;
  MintedTokens minted_;
};

// A program whose registry differs from the one the vault last saw reconciles derived credentials
// and composites once, in one transaction. Called after open.
Result<void> reconcile_with_registry(vault::Vault& vault);

}  // namespace aivault::catalog
