#include "vault/locked.h"

#include "base/encoding.h"
#include "crypto/keys.h"
#include "store/seals.h"
#include "vault/creation.h"
#include "vault/layout.h"
#include "vault/pending.h"
#include "vault/reading.h"
#include "vault/reserve.h"

namespace aivault::vault {
namespace {

class NoJudge final : public Judge {
 public:
  bool can_judge() const override { return false; }
  // What was made with it by mistake fits nothing.
  const MasterKeys& keys() const override { return none_; }
  std::optional<std::int64_t> rev_of(store::Table, std::string_view) const override {
    return std::nullopt;
  }
  std::vector<std::string> ids(store::Table) const override { return {}; }
  void report(const Problem&) override {}

 private:
  MasterKeys none_{"", crypto::random_key()};
};

class UnverifiedReader final : public Reading<Reader> {
 public:
  UnverifiedReader(store::Database& database, Judge& judge, std::int64_t counter)
      : Reading<Reader>(database, judge), counter_(counter) {}
  std::int64_t counter() override { return counter_; }

 private:
  std::int64_t counter_;
};

}  // namespace

Result<std::unique_ptr<LockedVault>> LockedVault::open(const Options& options) {
  if (!Vault::exists(options.location)) {
    return vault_unavailable("not_initialised", "vault not enabled");
  }
  TRY_ASSIGN(auto root, platform::Directory::open(options.location.root));
  TRY(check_header(root));
  TRY_ASSIGN(auto lock, open_lock_file(root));
  TRY(wait_for(lock, kOpenByte, platform::RangeLock::Hold::shared));
  if (!root.has(kDatabaseName)) {
    return vault_unavailable("damaged",
                             "vault damaged: '" + root.path() + "' has a header but no database");
  }
  for (const auto* name : {kDatabaseName, kWalName, kShmName}) TRY(root.look(name));
  const auto free_reserve = [&] { return Reserve(root).release(); };
  TRY_ASSIGN(auto database, store::Database::open(root.path() + "/" + kDatabaseName, free_reserve));
  std::unique_ptr<LockedVault> vault(
      new LockedVault(std::move(root), std::move(lock), std::move(database)));
  TRY_ASSIGN(const auto transaction,
             store::Transaction::begin(vault->database_, store::Kind::read));
  TRY(store::check_schema(vault->database_));
  TRY_ASSIGN(const auto row, store::find_row(vault->database_, store::Table::vault, "1"));
  if (!row) return vault_unavailable("damaged", "vault damaged: its first row is missing");
  vault->row_ = vault_from(*row);
  TRY_ASSIGN(vault->provider_, KeyProvider::parse(vault->row_.provider));
  return vault;
}

Status LockedVault::status() const {
  Status status;
  status.enabled = true;
  status.provider_type = std::string(provider_.type());
  status.locked = true;
  status.kek_id = hex(bytes_of(row_.kek_id));
  return status;
}

Result<void> LockedVault::read(const std::function<Result<void>(Reader&)>& work) {
  TRY_ASSIGN(const auto transaction, store::Transaction::begin(database_, store::Kind::read));
  TRY_ASSIGN(const auto counter, store::load_counter(database_));
  NoJudge judge;
  UnverifiedReader reader(database_, judge, counter);
  return work(reader);
}

Result<void> LockedVault::keep(const std::vector<audit::Event>& events) {
  return add_pending(database_, events);
}

}  // namespace aivault::vault
