#include "vault/full_check.h"

#include "audit/log.h"
#include "base/encoding.h"
#include "crypto/keys.h"
#include "store/schema.h"
#include "vault/key_files.h"

namespace aivault::vault {
namespace {

tl::unexpected<Error> damaged(const std::string& what) {
  return vault_unavailable(
      "damaged",
      "vault damaged: " + what + "; run `aivault recover`, or `aivault restore` with a backup");
}

tl::unexpected<Error> integrity(const std::string& row) {
  return vault_unavailable("row_integrity", "row integrity check failed: " + row);
}

Result<std::shared_ptr<const MasterKeys>> unlock(const VaultRow& vault,
                                                 const KeyProvider& provider,
                                                 const platform::Directory& root,
                                                 const KeyInput& input,
                                                 const std::shared_ptr<const Keyring>& known) {
  if (known && known->vault_id() == vault.vault_id && known->master().kek_id() == vault.kek_id &&
      known->master().fits(vault.check)) {
    return known->shared_master();
  }
  TRY_ASSIGN(const auto kek,
             input.key != nullptr ? Result<Secret>(input.key->clone())
             : provider.kind == KeyProvider::Kind::file
                 ? find_file_key(key_file_of(provider, root, vault.vault_id), vault.kek_id)
                 : load_key(provider, root, input));
  auto master = std::make_shared<const MasterKeys>(vault.vault_id, kek);
  if (provider.kind == KeyProvider::Kind::passphrase &&
      (!crypto::equal(master->kek_id(), vault.kek_id) || !master->fits(vault.check))) {
    return vault_unavailable("wrong_key",
                             "vault provider misconfigured: passphrase: wrong passphrase "
                             "(decrypt failed)");
  }
  const auto wrong = [&](const std::string& hint) {
    return vault_unavailable("wrong_key",
                             "vault provider misconfigured: " + provider.source(root) +
                                 ": wrong key " + hex(bytes_of(master->kek_id())) +
                                 ", the vault needs " + hex(bytes_of(vault.kek_id)) + hint +
                                 " (decrypt failed)");
  };
  if (!crypto::equal(master->kek_id(), vault.kek_id)) {
    return wrong(master->kek_id() == vault.previous_kek_id ? ": the vault was re-keyed" : "");
  }
  if (!master->fits(vault.check)) return wrong("");
  return std::shared_ptr<const MasterKeys>(std::move(master));
}

// The rows that the check itself relies on.
Result<void> verify_row(store::Database& database,
                        const MasterKeys& master,
                        store::Table table,
                        const store::Row& row) {
  const auto id = store::id_of(row);
  TRY_ASSIGN(const auto seal, store::find_seal(database, table, id));
  if (!seal ||
      !crypto::equal(crypto::view(master.row_mac(table, seal->rev, row, nullptr)), seal->mac)) {
    return integrity(std::string(store::name_of(table)) + "/" + id + ": MAC");
  }
  return {};
}

Result<void> check_seals(store::Database& database, Checked& checked) {
  const auto expected = checked.keys->master().open_digest(checked.state);
  if (!expected) return damaged("its state has been altered");
  checked.revisions = std::make_shared<Revisions>(checked.state.counter);
  std::int64_t objects = 0;
  TRY(store::scan_seals(
      database,
      [&](store::Table table, std::string_view id, const store::RowSeal& seal) -> Result<void> {
        ++objects;
        if (!checked.revisions->load(table, id, seal.rev)) return damaged("a seal is malformed");
        checked.digest.add(checked.keys->master().set_element(table, id, seal));
        return {};
      }));
  if (objects != checked.state.objects || !(checked.digest == *expected)) {
    return damaged("its rows and their seal do not agree");
  }
  return {};
}

Result<void> check_audit_head(store::Database& database, const store::StateRow& state) {
  TRY_ASSIGN(const auto newest, audit::newest(database));
  if (newest.seq != state.audit_seq ||
      !crypto::equal(crypto::view(newest.hash), state.audit_head)) {
    return damaged("the newest audit row is not the one that was written last");
  }
  return {};
}

}  // namespace

Result<Checked> check_in_full(store::Database& database,
                              const platform::Directory& root,
                              const KeyInput& input,
                              const std::shared_ptr<const Keyring>& known) {
  Checked checked;
  TRY(store::check_schema(database));
  TRY_ASSIGN(const auto vault_row, store::find_row(database, store::Table::vault, "1"));
  if (!vault_row) return damaged("its first row is missing");
  checked.vault = vault_from(*vault_row);
  TRY_ASSIGN(checked.provider, KeyProvider::parse(checked.vault.provider));
  TRY_ASSIGN(const auto master, unlock(checked.vault, checked.provider, root, input, known));
  TRY(verify_row(database, *master, store::Table::vault, *vault_row));

  const auto keys = std::make_shared<Keyring>(master);
  TRY(store::scan_rows(
      database, store::Table::vault_keys, [&](const store::Row& row) -> Result<void> {
        TRY(verify_row(database, *master, store::Table::vault_keys, row));
        const auto key_row = key_from(row);
        auto key = master->unwrap_key(key_row);
        if (!key) return integrity("vault_keys/" + key_row.id + ": key");
        if (key_row.purpose == "audit") {
          keys->add_audit_key(key_row.epoch, std::move(*key));
        } else {
          keys->set_token_key(std::move(*key));
        }
        return {};
      }));
  if (keys->epoch() == 0) return damaged("its audit key is missing");
  checked.keys = keys;

  TRY_ASSIGN(checked.state, store::load_state(database));
  TRY(check_seals(database, checked));
  TRY(check_audit_head(database, checked.state));
  return checked;
}

}  // namespace aivault::vault
