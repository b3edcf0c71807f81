// recover: keeps what verifies under the key of a vault whose rows and their seal do not agree,
// after the explicit acceptance of what is lost.
// Thread: any. Errors: not_initialised, busy, wrong_key, key_unavailable, vault_locked; damaged or
// row_integrity when what everything else rests on (the vault's own row, its keys) is lost.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <utility>

#include "audit/log.h"
#include "base/encoding.h"
#include "json/write.h"
#include "store/schema.h"
#include "store/statement.h"
#include "vault/creation.h"
#include "vault/full_check.h"
#include "vault/key_files.h"
#include "vault/layout.h"
#include "vault/row_reader.h"
#include "vault/seal_sum.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using store::Table;

constexpr std::size_t kMaxObjects = 10'000;  // Named one by one in the audit.
// The catalog brings what it derives from secrets in step when this setting is missing.
constexpr std::string_view kReconciled = "registry";

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

tl::unexpected<Error> lost(const std::string& what) {
  return vault_unavailable("damaged", "vault damaged: " + what + "; only restore helps");
}

// Takes the revision that the seal itself names: whether it is the last one cannot be told any
// more, whether it was made with the key can.
class SealJudge final : public Judge {
 public:
  SealJudge(store::Database& database, const MasterKeys& keys) : database_(database), keys_(keys) {}
  const MasterKeys& keys() const override { return keys_; }
  std::optional<std::int64_t> rev_of(Table table, std::string_view id) const override {
    const auto seal = store::find_seal(database_, table, id);
    return seal && *seal ? std::optional((*seal)->rev) : std::nullopt;
  }
  std::vector<std::string> ids(Table) const override { return {}; }
  void report(const Problem&) override {}

 private:
  store::Database& database_;
  const MasterKeys& keys_;
};

// The keys of the vault, as far as they verify: all of them have to.
Result<std::shared_ptr<const Keyring>> unlock(store::Database& database,
                                              const platform::Directory& root,
                                              const KeyInput& input,
                                              VaultRow& vault) {
  TRY(store::check_schema(database));
  TRY_ASSIGN(const auto row, store::find_row(database, Table::vault, "1"));
  if (!row) return lost("its first row is missing");
  vault = vault_from(*row);
  TRY_ASSIGN(const auto provider, KeyProvider::parse(vault.provider));
  TRY_ASSIGN(const auto kek,
             provider.kind == KeyProvider::Kind::file
                 ? find_file_key(key_file_of(provider, root, vault.vault_id), vault.kek_id)
                 : load_key(provider, root, input));
  const auto master = std::make_shared<const MasterKeys>(vault.vault_id, kek);
  if (!crypto::equal(master->kek_id(), vault.kek_id) || !master->fits(vault.check)) {
    return vault_unavailable("wrong_key",
                             "vault provider misconfigured: " + provider.source(root) +
                                 ": wrong key " + hex(bytes_of(master->kek_id())) +
                                 ", the vault needs " + hex(bytes_of(vault.kek_id)) +
                                 " (decrypt failed)");
  }
  SealJudge judge(database, *master);
  RowReader rows(database, judge);
  if (!rows.find(Table::vault, "1")) return lost("its first row was altered");
  auto keys = std::make_shared<Keyring>(master);
  TRY(store::scan_rows(database, Table::vault_keys, [&](const store::Row& key) -> Result<void> {
    const auto key_row = key_from(key);
    auto opened = master->unwrap_key(key_row);
    if (!rows.find(Table::vault_keys, key_row.id) || !opened) {
      return lost("its key '" + key_row.id + "' was altered");
    }
    if (key_row.purpose == "audit") {
      keys->add_audit_key(key_row.epoch, std::move(*opened));
    } else {
      keys->set_token_key(std::move(*opened));
    }
    return {};
  }));
  if (keys->epoch() == 0) return lost("its audit key is missing");
  return std::shared_ptr<const Keyring>(std::move(keys));
}

struct Doomed {
  Table table;
  std::string id, what;
};

class Survey {
 public:
  Survey(store::Database& database, const MasterKeys& keys)
      : database_(database), keys_(keys), judge_(database, keys), rows_(database, judge_) {}

  Result<void> run() {
    for (const auto table : store::kTables) TRY(look_at_rows(table));
    TRY(look_at_seals());
    TRY(look_at_references());
    return look_at_state();
  }

  bool is_damaged() const { return !doomed_.empty() || !agrees_; }
  const std::vector<Doomed>& doomed() const { return doomed_; }
  const std::vector<store::Row>& emptied() const { return emptied_; }
  const store::StateRow& state() const { return state_; }
  std::int64_t max_rev() const { return max_rev_; }
  std::int64_t audit_missing() const { return audit_missing_; }
  std::int64_t audit_rows() const { return audit_rows_; }
  std::map<std::string, std::int64_t> kept() const {
    std::map<std::string, std::int64_t> kept;
    for (const auto& [table, count] : kept_) kept[std::string(noun_of(table))] += count;
    return kept;
  }

 private:
  void doom(Table table, std::string id, const std::string& what) {
    if (is_doomed(table, id)) return;
    ids_.insert({table, id});
    doomed_.push_back({table, std::move(id), what});
  }
  bool is_doomed(Table table, const std::string& id) const { return ids_.contains({table, id}); }

  Result<void> look_at_rows(Table table) {
    return store::scan_rows(database_, table, [&](const store::Row& row) -> Result<void> {
      const auto id = store::id_of(row);
      auto verified = verify(table, id);
      if (verified) {
        ++kept_[table];
        return {};
      }
      if (verified.error().reason != "row_integrity") return verified;
      doom(table, id, verified.error().message);
      return {};
    });
  }

  Result<void> verify(Table table, const std::string& id) {
    if (table != Table::secrets) {
      TRY(rows_.find(table, id));
      return {};
    }
    TRY_ASSIGN(const auto secret, rows_.secret(id));
    if (!secret || !secret->dek) return {};
    TRY(rows_.open(*secret));
    return {};
  }

  Result<void> look_at_seals() {
    return store::scan_seals(
        database_,
        [&](Table table, std::string_view id, const store::RowSeal& seal) -> Result<void> {
          max_rev_ = std::max(max_rev_, seal.rev);
          TRY_ASSIGN(const auto row, store::find_row(database_, table, id));
          if (!row) doom(table, std::string(id), "the row is missing");
          return {};
        });
  }

  // What refers to a secret that goes, goes too; a derived credential that was disabled stays so.
  Result<void> look_at_references() {
    std::vector<std::pair<Table, store::Row>> found;
    for (const auto table : {Table::credentials, Table::bindings, Table::tokens}) {
      TRY(store::scan_rows(database_, table, [&](const store::Row& row) -> Result<void> {
        if (is_doomed(table, store::id_of(row))) return {};
        TRY_ASSIGN(const bool dangles, is_dangling(table, row));
        if (dangles) found.emplace_back(table, row);
        return {};
      }));
    }
    for (auto& [table, row] : found) {
      if (table == Table::credentials) {
        const auto credential = credential_from(row);
        if (credential.origin == Origin::registry && !credential.enabled) {
          auto empty = credential;
          empty.secret_id.reset();
          emptied_.push_back(to_row(empty));
          continue;
        }
      }
      --kept_[table];
      doom(table,
           store::id_of(row),
           table == Table::tokens ? "its agent is gone" : "its secret is gone");
    }
    return {};
  }

  Result<bool> is_dangling(Table table, const store::Row& row) {
    const auto column = table == Table::credentials ? 7U : table == Table::bindings ? 6U : 2U;
    const auto to = table == Table::tokens ? Table::agents : Table::secrets;
    const auto id = store::optional_text_of(row[column]);
    if (!id) return false;
    if (is_doomed(to, *id)) return true;
    TRY_ASSIGN(const auto target, store::find_row(database_, to, *id));
    return !target;
  }

  Result<void> look_at_state() {
    TRY_ASSIGN(state_, store::load_state(database_));
    TRY_ASSIGN(const auto newest, audit::newest(database_));
    audit_rows_ = newest.seq;
    audit_missing_ = std::max<std::int64_t>(0, state_.audit_seq - newest.seq);
    const auto expected = keys_.open_digest(state_);
    TRY_ASSIGN(const auto sum, sum_of_seals(database_, keys_));
    agrees_ = expected && sum.objects == state_.objects && sum.digest == *expected &&
              newest.seq == state_.audit_seq &&
              crypto::equal(crypto::view(newest.hash), state_.audit_head);
    // What was altered says nothing about the time either.
    if (!expected) state_.last_ts_ms = 0;
    state_.audit_seq = newest.seq;
    state_.audit_head = crypto::view(newest.hash);
    return {};
  }

  store::Database& database_;
  const MasterKeys& keys_;
  SealJudge judge_;
  RowReader rows_;
  std::vector<Doomed> doomed_;
  std::set<std::pair<Table, std::string>> ids_;  // Of doomed_.
  std::vector<store::Row> emptied_;
  std::map<Table, std::int64_t> kept_;
  store::StateRow state_;
  std::int64_t max_rev_ = 0, audit_missing_ = 0, audit_rows_ = 0;
  bool agrees_ = false;
};

Recovery to_recovery(const Survey& survey) {
  Recovery recovery;
  recovery.damaged = survey.is_damaged();
  recovery.kept = survey.kept();
  recovery.audit_rows = survey.audit_rows();
  recovery.audit_missing = survey.audit_missing();
  for (const auto& [table, id, what] : survey.doomed()) {
    recovery.dropped.push_back({std::string(noun_of(table)), id, what});
  }
  return recovery;
}

// Rows that others refer to go last.
Result<void> drop_all(store::Database& database, const std::vector<Doomed>& doomed) {
  for (const bool referred_to : {false, true}) {
    for (const auto& [table, id, what] : doomed) {
      if ((table == Table::secrets || table == Table::agents) != referred_to) continue;
      TRY(store::remove_row(database, table, id));
      TRY(store::remove_seal(database, table, id));
    }
  }
  return {};
}

std::string objects_json(const std::vector<Doomed>& doomed) {
  if (doomed.size() > kMaxObjects) return R"(["*"])";
  auto objects = json::Value::array();
  for (const auto& [table, id, what] : doomed) {
    objects.push("-" + std::string(store::name_of(table)) + "/" + id);
  }
  return json::compact(objects);
}

Result<void> apply(store::Database& database,
                   const Keyring& keys,
                   const Survey& survey,
                   audit::Event event,
                   const std::string& copy) {
  const auto& master = keys.master();
  auto state = survey.state();
  state.counter = std::max(state.counter, survey.max_rev()) + 1;
  TRY(drop_all(database, survey.doomed()));
  TRY(store::remove_row(database, Table::settings, kReconciled));
  TRY(store::remove_seal(database, Table::settings, kReconciled));
  for (const auto& row : survey.emptied()) {
    TRY(store::put_row(database, Table::credentials, row));
    const auto mac = master.row_mac(Table::credentials, state.counter, row, nullptr);
    TRY(store::put_seal(database,
                        Table::credentials,
                        store::id_of(row),
                        {state.counter, std::string(crypto::view(mac))}));
  }
  TRY_ASSIGN(const auto sum, sum_of_seals(database, master));
  state.objects = sum.objects;
  event.kind = "vault.rollback";
  event.count = static_cast<std::int64_t>(survey.doomed().size());
  event.note = "recovered: " + std::to_string(survey.doomed().size()) + " records dropped, " +
               std::to_string(survey.audit_missing()) + " audit rows missing; before: " + copy;
  const auto& doomed = survey.doomed();
  for (std::size_t i = 0; i < std::min<std::size_t>(doomed.size(), 3); ++i) {
    event.note += "; " + std::string(store::name_of(doomed[i].table)) + "/" + doomed[i].id;
  }
  audit::Row record;
  record.seq = ++state.audit_seq;
  record.ts_ms = to_int(wall_clock());
  record.kind = event.kind;
  record.epoch = keys.epoch();
  record.rev = state.counter;
  record.objects = objects_json(doomed);
  record.body = audit::to_body(event);
  const auto head = audit::chain_hash(
      *keys.audit_key(record.epoch), crypto::hash_from(state.audit_head), keys.vault_id(), record);
  TRY(audit::append(database, record, head));
  state.audit_head = crypto::view(head);
  state.last_ts_ms = std::max(state.last_ts_ms, record.ts_ms);
  master.seal_digest(state, sum.digest);
  return store::store_state(database, state);
}

Result<void> copy_database(const platform::Directory& root, const std::string& name) {
  const auto refuse = [&] {
    return vault_unavailable("not_writable",
                             "vault not writable: '" + name + "' cannot be written");
  };
  const platform::Descriptor from(
      ::openat(root.descriptor(), kDatabaseName, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  TRY_ASSIGN(const auto to, root.create(name));
  std::array<char, 65'536> buffer{};
  while (true) {
    const auto got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0) return refuse();
    if (got == 0) break;
    for (ssize_t at = 0; at < got;) {
      const auto put = ::write(to.get(), buffer.data() + at, static_cast<std::size_t>(got - at));
      if (put <= 0) return refuse();
      at += put;
    }
  }
  if (::fsync(to.get()) != 0) return refuse();
  return root.sync();
}

Result<store::Database> open_database(const platform::Directory& root) {
  for (const auto* name : {kDatabaseName, kWalName, kShmName}) TRY(root.look(name));
  return store::Database::open(root.path() + "/" + std::string(kDatabaseName));
}

Result<Recovery> look_only(const platform::Directory& root, const KeyInput& input) {
  TRY_ASSIGN(auto database, open_database(root));
  Recovery recovery;
  {
    TRY_ASSIGN(const auto transaction, store::Transaction::begin(database, store::Kind::read));
    VaultRow vault;
    TRY_ASSIGN(const auto keys, unlock(database, root, input, vault));
    Survey survey(database, keys->master());
    TRY(survey.run());
    recovery = to_recovery(survey);
  }
  // The copy that may follow is of one file.
  TRY_ASSIGN(const bool whole, database.truncate_wal());
  if (!whole) return vault_unavailable("busy", "vault busy: another process reads it");
  return recovery;
}

}  // namespace

Result<Recovery> Vault::recover(const Options& options,
                                const Secret* passphrase,
                                Acceptance acceptance,
                                audit::Event who) {
  if (!exists(options.location)) return vault_unavailable("not_initialised", "vault not enabled");
  TRY_ASSIGN(const auto root, platform::Directory::open(options.location.root));
  TRY(check_header(root));
  TRY_ASSIGN(const auto lock, open_lock_file(root));
  if (!wait_for(lock, kOpenByte, platform::RangeLock::Hold::exclusive)) {
    return vault_unavailable("busy", "vault busy: stop the daemon that has it open first");
  }
  if (!root.has(kDatabaseName)) return lost("there is no database");
  const KeyInput input{options.keys, passphrase};
  TRY_ASSIGN(auto recovery, look_only(root, input));
  if (acceptance == Acceptance::dry_run || !recovery.damaged) return recovery;
  // The database is closed: to close another descriptor of it would drop SQLite's locks.
  const auto copy =
      std::string(kDatabaseName) + ".before-recover-" + std::to_string(to_int(wall_clock()));
  TRY(copy_database(root, copy));

  TRY_ASSIGN(auto database, open_database(root));
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
  VaultRow vault;
  TRY_ASSIGN(const auto keys, unlock(database, root, input, vault));
  Survey survey(database, keys->master());
  TRY(survey.run());
  TRY(apply(database, *keys, survey, std::move(who), copy));
  TRY(check_in_full(database, root, input, keys));
  TRY(transaction.commit());
  (void)keep_header(root, vault);
  recovery = to_recovery(survey);
  recovery.accepted = true;
  recovery.copy = copy;
  return recovery;
}

}  // namespace aivault::vault
