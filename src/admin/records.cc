#include "admin/records.h"

namespace aivault::admin {

Result<std::shared_ptr<vault::Vault>> looked_at(Result<std::shared_ptr<vault::Vault>> opened) {
  TRY_ASSIGN(auto vault, std::move(opened));
  TRY(vault->change_counter());
  return vault;
}

Result<Records> Records::open(Desk& desk) {
  Records records(desk.catalog);
  auto vault = looked_at(desk.slot.get_or_create());
  if (vault) {
    records.vault_ = *std::move(vault);
    records.root_ = records.vault_->root();
    return records;
  }
  if (vault.error().reason != "vault_locked") return fail(std::move(vault).error());
  TRY_ASSIGN(records.locked_, vault::LockedVault::open(desk.slot.options()));
  records.root_ = records.locked_->root().path();
  return records;
}

std::vector<vault::Problem> Records::warnings() const {
  if (vault_) return {};
  return {{"vault", "vault.db", "records are unverified while the vault is locked"}};
}

Result<std::shared_ptr<const catalog::Snapshot>> Records::snapshot() {
  if (vault_) return catalog_->current(*vault_);
  return read([](vault::Reader& reader) { return catalog::Catalog::of(reader); });
}

}  // namespace aivault::admin
