#include "vault/rekey.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "audit/log.h"
#include "base/encoding.h"
#include "store/seals.h"
#include "vault/creation.h"
#include "vault/full_check.h"
#include "vault/layout.h"

namespace aivault::vault {
namespace {

tl::unexpected<Error> exists(const std::string& root) {
  return invalid_request("exists", "vault already initialized at '" + root + "'");
}

Result<bool> was_never_used(store::Database& database, const Checked& checked) {
  for (const auto table : {store::Table::secrets,
                           store::Table::credentials,
                           store::Table::capabilities,
                           store::Table::policies}) {
    if (checked.revisions->count(table) > 0) return false;
  }
  TRY_ASSIGN(const bool history, audit::has_history(database));
  return !history;
}

// The rows there are, under the new key: what `checked` says of the old one is replaced.
Result<void> reseal(store::Database& database,
                    Checked& checked,
                    const KeyProvider& provider,
                    const MasterKeys& master,
                    const std::string& old_key_file,
                    UnixMs now) {
  const auto rev = checked.state.counter + 1;
  const auto& old = checked.keys->master();
  std::vector<std::pair<store::Table, store::Row>> rows;
  VaultRow vault = checked.vault;
  vault.previous_kek_id = vault.kek_id;
  vault.kek_id = master.kek_id();
  vault.check = master.make_check();
  vault.provider = provider.json();
  rows.emplace_back(store::Table::vault, to_row(vault));
  TRY(store::scan_rows(
      database, store::Table::vault_keys, [&](const store::Row& row) -> Result<void> {
        auto key = key_from(row);
        const auto opened = old.unwrap_key(key);
        if (!opened) return vault_unavailable("damaged", "vault damaged: a key does not open");
        key.key = master.wrap_key(key, *opened);
        rows.emplace_back(store::Table::vault_keys, to_row(key));
        return {};
      }));
  TRY(store::scan_rows(
      database, store::Table::settings, [&](const store::Row& row) -> Result<void> {
        TRY_ASSIGN(const auto seal,
                   store::find_seal(database, store::Table::settings, store::id_of(row)));
        if (!seal || !crypto::equal(
                         crypto::view(old.row_mac(store::Table::settings, seal->rev, row, nullptr)),
                         seal->mac)) {
          return vault_unavailable("row_integrity",
                                   "row integrity check failed: settings/" + store::id_of(row));
        }
        rows.emplace_back(store::Table::settings, row);
        return {};
      }));

  Digest digest;
  for (const auto& [table, row] : rows) {
    TRY(store::put_row(database, table, row));
    const auto mac = master.row_mac(table, rev, row, nullptr);
    const store::RowSeal seal{rev, std::string(crypto::view(mac))};
    TRY(store::put_seal(database, table, store::id_of(row), seal));
    digest.add(master.set_element(table, store::id_of(row), seal));
  }

  audit::Event event;
  event.kind = "vault.rotate_master_key";
  event.actor = "operator";
  event.uid = ::geteuid();
  event.note = "provider " + provider.type + ", key " + hex(bytes_of(vault.kek_id)) +
               ", previous key " + hex(bytes_of(*vault.previous_kek_id)) +
               ", 0 secrets; left in place: '" + old_key_file + "'";
  audit::Row record;
  auto& state = checked.state;
  record.seq = ++state.audit_seq;
  record.ts_ms = to_int(now);
  record.kind = event.kind;
  record.epoch = checked.keys->epoch();
  record.rev = rev;
  record.objects = R"(["*"])";
  record.body = audit::to_body(event);
  const auto head = audit::chain_hash(*checked.keys->audit_key(record.epoch),
                                      crypto::hash_from(state.audit_head),
                                      vault.vault_id,
                                      record);
  TRY(audit::append(database, record, head));
  state.counter = rev;
  state.audit_head = crypto::view(head);
  state.last_ts_ms = std::max(state.last_ts_ms, record.ts_ms);
  master.seal_digest(state, digest);
  TRY(store::store_state(database, state));
  checked.vault = std::move(vault);
  return {};
}

}  // namespace

Result<void> rekey_unused(const Location& location, const std::string& key_path) {
  TRY_ASSIGN(const auto root, platform::Directory::open(location.root));
  TRY(check_header(root));
  TRY_ASSIGN(const auto lock, open_lock_file(root));
  TRY(wait_for(lock, kOpenByte, platform::RangeLock::Hold::shared));
  for (const auto* name : {kDatabaseName, kWalName, kShmName}) TRY(root.look(name));
  if (!root.has(kDatabaseName)) return exists(root.path());
  TRY_ASSIGN(auto database, store::Database::open(root.path() + "/" + std::string(kDatabaseName)));
  Checked checked;
  {
    TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
    auto found = check_in_full(database, root, nullptr);
    if (!found) return exists(root.path());  // Whatever it is, it is not an unused vault.
    checked = std::move(*found);
    TRY_ASSIGN(const bool unused, was_never_used(database, checked));
    if (!unused) return exists(root.path());
    const auto provider = KeyProvider::file(root, key_path);
    if (provider.path == checked.provider.path) return {};  // It is what was asked for.
    TRY_ASSIGN(const auto key, adopt_or_make_key(provider, root));
    const MasterKeys master(checked.vault.vault_id, key.key);
    const auto now =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    // Another vault may have adopted the old key: its file is not ours to remove.
    const auto old_key_file = checked.provider.absolute_path(root);
    TRY(reseal(database, checked, provider, master, old_key_file, now));
    TRY(transaction.commit());
  }
  return keep_header(root, checked.vault);
}

Result<Status> Vault::init(const Options& options, const FileProvider& provider) {
  const auto& key_path =
      provider.key_path.empty() ? options.location.default_key_file : provider.key_path;
  auto made = Made::by_another;
  if (!exists(options.location)) {
    TRY_ASSIGN(made, make_vault(options.location, key_path, "operator"));
  }
  if (made == Made::by_another) TRY(rekey_unused(options.location, key_path));
  TRY_ASSIGN(const auto vault, open(options));
  return vault->status();
}

}  // namespace aivault::vault
