#include "vault/rotate_master_rows.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "audit/log.h"
#include "base/encoding.h"
#include "crypto/keys.h"
#include "store/statement.h"
#include "vault/key_provider.h"
#include "vault/row_reader.h"
#include "vault/seal_sum.h"

namespace aivault::vault {
namespace {

using store::Statement;
using store::Table;

constexpr std::int64_t kPage = 512;

tl::unexpected<Error> integrity(Table table, std::string_view id, const std::string& what) {
  return vault_unavailable("row_integrity",
                           "row integrity check failed: " + std::string(store::name_of(table)) +
                               "/" + std::string(id) + ": " + what);
}

tl::unexpected<Error> differs(const std::string& what) {
  return vault_unavailable("row_integrity",
                           "row integrity check failed: vault.db: " + what +
                               " under the new key; the old one stays in force");
}

// The ids that have a seal, in their order, page by page: `take` may write to the table.
template <typename Take>
Result<void> for_each_id(store::Database& database, Table table, Take take) {
  std::string after;
  std::vector<std::string> page;
  do {
    page.clear();
    {
      Statement select(database,
                       "SELECT id FROM row_seals WHERE tbl = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                       store::name_of(table),
                       after,
                       kPage);
      while (true) {
        TRY_ASSIGN(const bool found, select.step());
        if (!found) break;
        page.emplace_back(select.text(0));
      }
    }
    for (const auto& id : page) TRY(take(id));
    if (!page.empty()) after = page.back();
  } while (std::cmp_equal(page.size(), kPage));
  return {};
}

class PresentJudge final : public Judge {
 public:
  explicit PresentJudge(const Present& present) : present_(present) {}
  const MasterKeys& keys() const override { return present_.keys.master(); }
  std::optional<std::int64_t> rev_of(Table table, std::string_view id) const override {
    return present_.revisions.at(table, id, present_.state.counter);
  }
  std::vector<std::string> ids(Table table) const override {
    return present_.revisions.ids(table, present_.state.counter);
  }
  void report(const Problem&) override {}  // The error names the row.

 private:
  const Present& present_;
};

// Every row has the revision of the one transaction that rewrote all of them.
class NewJudge final : public Judge {
 public:
  NewJudge(const MasterKeys& keys, std::int64_t rev) : keys_(keys), rev_(rev) {}
  const MasterKeys& keys() const override { return keys_; }
  std::optional<std::int64_t> rev_of(Table, std::string_view) const override { return rev_; }
  std::vector<std::string> ids(Table) const override { return {}; }
  void report(const Problem&) override {}

 private:
  const MasterKeys& keys_;
  std::int64_t rev_;
};

class Rewriting {
 public:
  Rewriting(store::Database& database, const Present& present, const NextKey& next, UnixMs now)
      : database_(database),
        present_(present),
        next_(next),
        now_(now),
        judge_(present),
        rows_(database, judge_),
        state_(present.state),
        dek_(Secret::zeroed(crypto::kKeyBytes)),
        keys_(std::make_shared<Keyring>(next.master)) {
    state_.counter = present.state.counter + 1;
    state_.objects = 0;
  }

  Result<Rewritten> run(audit::Event event, const std::string& more) {
    for (const auto table : store::kTables) {
      TRY(for_each_id(database_, table, [&](const std::string& id) { return rewrite(table, id); }));
    }
    TRY(add_audit_key());
    if (state_.objects != present_.state.objects + 1) {
      return vault_unavailable("row_integrity",
                               "row integrity check failed: vault.db: rows are missing");
    }
    TRY(finish(std::move(event), more));
    return Rewritten{std::move(vault_), std::move(keys_), secrets_, std::move(deks_)};
  }

 private:
  Result<void> rewrite(Table table, const std::string& id) {
    if (table == Table::secrets) return rewrite_secret(id);
    TRY_ASSIGN(const auto row, rows_.find(table, id));
    if (!row) return integrity(table, id, "the row is missing");
    if (table == Table::vault) return rewrite_vault(*row);
    if (table == Table::vault_keys) return rewrite_key(*row);
    return seal(table, *row, nullptr);
  }

  Result<void> rewrite_vault(const store::Row& row) {
    vault_ = vault_from(row);
    vault_.previous_kek_id = std::exchange(vault_.kek_id, next_.master->kek_id());
    vault_.check = next_.master->make_check();
    vault_.provider = next_.provider;
    vault_.retire = next_.retire;
    return store(Table::vault, to_row(vault_));
  }

  Result<void> rewrite_key(const store::Row& row) {
    auto key_row = key_from(row);
    auto key = present_.keys.master().unwrap_key(key_row);
    if (!key) return integrity(Table::vault_keys, key_row.id, "key");
    return put_key(std::move(key_row), std::move(*key));
  }

  Result<void> add_audit_key() {
    const auto epoch = present_.keys.epoch() + 1;
    return put_key({"audit:" + std::to_string(epoch), "audit", epoch, {}, now_},
                   crypto::random_key());
  }

  Result<void> put_key(KeyRow row, Secret key) {
    row.key = next_.master->wrap_key(row, key);
    if (row.purpose == "audit") {
      keys_->add_audit_key(row.epoch, std::move(key));
    } else {
      keys_->set_token_key(std::move(key));
    }
    return store(Table::vault_keys, to_row(row));
  }

  Result<void> rewrite_secret(const std::string& id) {
    TRY_ASSIGN(auto secret, rows_.secret(id));
    if (!secret) return integrity(Table::secrets, id, "the row is missing");
    if (secret->dek) {
      if (!present_.keys.master().open_dek(*secret, dek_)) {
        return integrity(Table::secrets, id, "key");
      }
      deks_.add(id);
      deks_.add(dek_);
      ++secrets_;
      secret->dek = next_.master->wrap_dek(secret->record, dek_);
      TRY(Statement(database_,
                    "UPDATE secrets SET dek_nonce = ?2, dek_ct = ?3 WHERE id = ?1",
                    id,
                    store::BlobView{secret->dek->nonce},
                    store::BlobView{secret->dek->ciphertext})
              .run());
    }
    return seal(Table::secrets, to_row(*secret), &secret->record);
  }

  Result<void> store(Table table, const store::Row& row) {
    TRY(store::put_row(database_, table, row));
    return seal(table, row, nullptr);
  }

  Result<void> seal(Table table, const store::Row& row, const SecretRecord* lists) {
    const auto id = store::id_of(row);
    const auto mac = next_.master->row_mac(table, state_.counter, row, lists);
    const store::RowSeal seal{state_.counter, std::string(crypto::view(mac))};
    TRY(store::put_seal(database_, table, id, seal));
    digest_.add(next_.master->set_element(table, id, seal));
    ++state_.objects;
    return {};
  }

  Result<void> finish(audit::Event event, const std::string& more) {
    const auto provider = provider_type();
    event.kind = "vault.rotate_master_key";
    event.note = "provider " + provider + ", key " + hex(bytes_of(vault_.kek_id)) +
                 ", previous key " + hex(bytes_of(*vault_.previous_kek_id)) + ", " +
                 std::to_string(secrets_) + (secrets_ == 1 ? " secret" : " secrets") + more;
    audit::Row record;
    record.seq = ++state_.audit_seq;
    record.ts_ms = to_int(now_);
    record.kind = event.kind;
    record.epoch = keys_->epoch();
    record.rev = state_.counter;
    record.objects = R"(["*"])";
    record.body = audit::to_body(event);
    const auto head = audit::chain_hash(*keys_->audit_key(record.epoch),
                                        crypto::hash_from(state_.audit_head),
                                        vault_.vault_id,
                                        record);
    TRY(audit::append(database_, record, head));
    state_.audit_head = crypto::view(head);
    state_.last_ts_ms = std::max(state_.last_ts_ms, record.ts_ms);
    next_.master->seal_digest(state_, digest_);
    return store::store_state(database_, state_);
  }

  std::string provider_type() const {
    const auto provider = KeyProvider::parse(next_.provider);
    return provider ? std::string(provider->type()) : "unknown";
  }

  store::Database& database_;
  const Present& present_;
  const NextKey& next_;
  UnixMs now_;
  PresentJudge judge_;
  RowReader rows_;
  store::StateRow state_;
  Digest digest_;
  Secret dek_;  // One after another.
  std::shared_ptr<Keyring> keys_;
  VaultRow vault_;
  std::int64_t secrets_ = 0;
  crypto::RunningHash deks_;
};

}  // namespace

Result<Rewritten> rewrite_rows(store::Database& database,
                               const Present& present,
                               const NextKey& next,
                               audit::Event event,
                               const std::string& more,
                               UnixMs now) {
  return Rewriting(database, present, next, now).run(std::move(event), more);
}

Result<void> verify_rewritten(store::Database& database,
                              const MasterKeys& alone,
                              Rewritten& rewritten) {
  TRY_ASSIGN(const auto state, store::load_state(database));
  NewJudge judge(alone, state.counter);
  RowReader rows(database, judge);
  auto dek = Secret::zeroed(crypto::kKeyBytes);
  auto deks = crypto::RunningHash::like(rewritten.deks);
  std::int64_t secrets = 0;
  const auto verify_secret = [&](const std::string& id) -> Result<void> {
    TRY_ASSIGN(const auto secret, rows.secret(id));
    if (!secret) return integrity(Table::secrets, id, "the row is missing");
    if (!secret->dek) return {};
    if (!alone.open_dek(*secret, dek)) return integrity(Table::secrets, id, "key");
    deks.add(id);
    deks.add(dek);
    ++secrets;
    return {};
  };
  const auto verify_row = [&](Table table, const std::string& id) -> Result<void> {
    TRY_ASSIGN(const auto row, rows.find(table, id));
    if (!row) return integrity(table, id, "the row is missing");
    if (table == Table::vault && !alone.fits(vault_from(*row).check)) {
      return differs("the check record does not open");
    }
    if (table == Table::vault_keys && !alone.unwrap_key(key_from(*row))) {
      return integrity(table, id, "key");
    }
    return {};
  };
  for (const auto table : store::kTables) {
    TRY(for_each_id(database, table, [&](const std::string& id) {
      return table == Table::secrets ? verify_secret(id) : verify_row(table, id);
    }));
  }
  if (secrets != rewritten.secrets || deks.finish() != rewritten.deks.finish()) {
    return differs("not every secret opens to the same");
  }
  const auto expected = alone.open_digest(state);
  TRY_ASSIGN(const auto sum, sum_of_seals(database, alone));
  if (!expected || sum.objects != state.objects || !(sum.digest == *expected)) {
    return differs("the rows and their seal do not agree");
  }
  return {};
}

}  // namespace aivault::vault
