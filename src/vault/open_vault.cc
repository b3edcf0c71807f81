#include "vault/open_vault.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "audit/log.h"
#include "base/encoding.h"
#include "crypto/token.h"
#include "vault/creation.h"
#include "vault/history.h"
#include "vault/layout.h"
#include "vault/old_files.h"
#include "vault/reading.h"
#include "vault/rotate_master.h"
#include "vault/snapshot_judge.h"

namespace aivault::vault {
namespace {

constexpr std::size_t kMaxIdleReaders = 4;

class SnapshotReader final : public Reading<Reader> {
 public:
  SnapshotReader(store::Database& database, Judge& judge, std::int64_t counter)
      : Reading<Reader>(database, judge), counter_(counter) {}
  std::int64_t counter() override { return counter_; }

 private:
  std::int64_t counter_;
};

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

audit::Event integrity_event(const Problem& problem) {
  audit::Event event;
  event.kind = "vault.integrity_failed";
  event.actor = "daemon";
  if (problem.kind == "secret") event.secret_id = problem.id;
  if (problem.kind == "credential") event.credential = problem.id;
  if (problem.kind == "capability" || problem.kind == "policy") event.capability = problem.id;
  event.note = problem.message;
  return event;
}

audit::Event disabled_event() {
  audit::Event event;
  event.kind = "audit.disabled";
  event.actor = "daemon";
  event.note = "AIVAULT_DISABLE_DISK_LOGS: calls are not recorded";
  return event;
}

}  // namespace

Result<OpenVault::Lease> OpenVault::Lease::from(OpenVault& vault) {
  TRY_ASSIGN(auto database, vault.take());
  return Lease(vault, std::move(database));
}

OpenVault::Lease::~Lease() {
  if (database_) vault_.give_back(std::move(database_));
}

Result<std::unique_ptr<Vault>> OpenVault::open(const Options& options, const Secret* passphrase) {
  return open_with(options, {options.keys, passphrase});
}

// An import in place may have been killed when the new database was there already.
static Result<void> finish_import(const platform::Directory& root,
                                  const platform::RangeLock& lock) {
  TRY_ASSIGN(const bool is_old, has_old_header(root));
  if (!is_old) return {};
  TRY(wait_for(lock, kInitByte, platform::RangeLock::Hold::exclusive));
  auto done = move_old_files(root);
  lock.unlock(kInitByte);
  return done;
}

Result<std::unique_ptr<Vault>> OpenVault::open_with(const Options& options,
                                                    const KeyInput& input,
                                                    SegmentLimits segments) {
  TRY_ASSIGN(auto root, platform::Directory::open(options.location.root));
  TRY(check_header(root));
  TRY_ASSIGN(auto lock, open_lock_file(root));
  TRY(finish_import(root, lock));
  TRY(wait_for(lock, kOpenByte, platform::RangeLock::Hold::shared));
  TRY(check_in_place(root));
  remove_leftovers(root);
  TRY_ASSIGN(auto core, Core::open(std::move(root), std::move(lock), input));
  core->count_for(options.metrics);
  TRY_ASSIGN(auto database, core->connect());
  TRY(database.use_wal());
  // Looked at after the head of the audit was read: who opens the vault from now on writes
  // behind it.
  const bool alone = !core->lock().is_held_elsewhere(kOpenByte);
  const Writer::Start start{
      alone ? core->memory().state.audit_seq : 0, options.durability, segments};
  auto vault = std::make_unique<OpenVault>(std::move(core), std::move(database), start, options);
  (void)vault->writer_.exclusive(finish_rotation);  // What cannot be done is tried again.
  return std::unique_ptr<Vault>(std::move(vault));
}

OpenVault::OpenVault(std::unique_ptr<Core> core,
                     store::Database database,
                     const Writer::Start& start,
                     const Options& options)
    : core_(std::move(core)),
      call_records_(options.call_records),
      writer_(*core_, std::move(database), start),
      keeper_(*core_, writer_, start.segments, options.audit_mirror) {
  core_->on_problem(
      [this](const Problem& problem) { writer_.record(integrity_event(problem), nullptr); });
}

OpenVault::~OpenVault() { core_->on_problem(nullptr); }

Status OpenVault::status() {
  const auto memory = core_->copy_of_memory();
  Status status;
  status.enabled = true;
  status.provider_type = memory.provider_type;
  status.locked = core_->is_locked();
  status.kek_id = hex(bytes_of(memory.kek_id));
  status.writable = writer_.is_writable();
  status.audit_writable = writer_.takes_records();
  return status;
}

Result<std::unique_ptr<store::Database>> OpenVault::take() {
  {
    const std::lock_guard lock(pool_guard_);
    if (!pool_.empty()) {
      auto database = std::move(pool_.back());
      pool_.pop_back();
      return database;
    }
  }
  TRY(core_->check_in_place());
  TRY_ASSIGN(auto database, core_->connect());
  return std::make_unique<store::Database>(std::move(database));
}

void OpenVault::give_back(std::unique_ptr<store::Database> database) {
  const std::lock_guard lock(pool_guard_);
  if (pool_.size() < kMaxIdleReaders) pool_.push_back(std::move(database));
}

Result<std::int64_t> OpenVault::change_counter() {
  TRY_ASSIGN(auto lease, Lease::from(*this));
  return core_->generation(lease.database());
}

Result<void> OpenVault::read(const std::function<Result<void>(Reader&)>& work) {
  TRY_ASSIGN(auto lease, Lease::from(*this));
  TRY_ASSIGN(const auto view, core_->enter(lease.database()));
  SnapshotJudge judge(*core_, view);
  SnapshotReader reader(lease.database(), judge, view.counter);
  return work(reader);
}

Result<void> OpenVault::change(const std::function<Result<void>(Change&)>& work) {
  return writer_.change(work);
}

namespace {

// Null: there is no such secret.
Result<std::shared_ptr<const VerifiedSecret>> read_secret(RowReader& rows, const SecretId& id) {
  TRY_ASSIGN(auto secret, rows.secret(id.str()));
  if (!secret) return nullptr;
  auto verified = std::make_shared<VerifiedSecret>();
  verified->secret = std::move(*secret);
  if (verified->secret.dek) {
    TRY_ASSIGN(verified->value, rows.sealed_value(verified->secret));
  }
  return verified;
}

}  // namespace

Result<OpenedSecret> OpenVault::open_secret(const SecretId& id,
                                            const Context& context,
                                            Opener opener) {
  TRY_ASSIGN(auto lease, Lease::from(*this));
  TRY_ASSIGN(const auto view, core_->enter(lease.database()));
  SnapshotJudge judge(*core_, view);
  RowReader rows(lease.database(), judge);
  const auto revision = judge.rev_of(store::Table::secrets, id.str());
  auto verified = revision ? recent_.find(id, *revision, view.keys) : nullptr;
  const bool is_new = !verified;
  if (is_new) {
    TRY_ASSIGN(verified, read_secret(rows, id));
  }
  if (!verified) return vault_unavailable("secret_missing", "secret not found");
  const auto& record = verified->secret.record;
  TRY(may_open(record.scope, record.attached, context, opener));
  if (record.revoked_at) return vault_unavailable("secret_missing", "secret revoked");
  // Setting the clock back revives nothing.
  const auto now = wall_clock();
  if (record.expires_at && std::max(now, from_int(view.last_ts_ms)) >= *record.expires_at) {
    return vault_unavailable("secret_expired", "secret expired");
  }
  TRY_ASSIGN(auto value, rows.open(verified->secret, verified->value));
  if (is_new && revision) recent_.keep(*revision, view.keys, verified);
  core_->mark_used(id, now);
  return OpenedSecret{std::move(value), record};
}

Result<std::string> Vault::token_hash(const Secret&) {
  return vault_unavailable("internal", "this vault has no key for tokens");
}

Result<std::string> OpenVault::token_hash(const Secret& token) {
  const auto keys = core_->keys();
  if (!keys) return vault_unavailable("vault_locked", "vault locked");
  if (keys->token_key().empty()) return vault_unavailable("damaged", "vault damaged: no token key");
  return std::string(crypto::view(crypto::token_hash(keys->token_key(), token)));
}

void OpenVault::record(audit::Event event, Recorded done) {
  if (call_records_ == CallRecords::disabled && event.kind == "capability.invoke") {
    if (!disabled_noted_.exchange(true)) writer_.record(disabled_event(), nullptr);
    if (done) done({});
    return;
  }
  writer_.record(std::move(event), std::move(done));
}

void OpenVault::record_limited(audit::Event event, std::vector<RateUnit> units, Recorded done) {
  const bool recorded = call_records_ != CallRecords::disabled;
  if (!recorded && !disabled_noted_.exchange(true)) writer_.record(disabled_event(), nullptr);
  writer_.record_limited(
      std::move(event),
      {std::move(units), recorded ? Writer::Row::written : Writer::Row::left_out},
      std::move(done));
}

Result<std::int64_t> OpenVault::audit_head() {
  TRY_ASSIGN(auto lease, Lease::from(*this));
  TRY_ASSIGN(const auto state, store::load_state(lease.database()));
  return state.audit_seq;
}

Result<audit::Verification> OpenVault::verify_audit(const std::optional<audit::Head>& head) {
  writer_.flush();
  TRY_ASSIGN(auto lease, Lease::from(*this));
  TRY_ASSIGN(const auto view, core_->enter(lease.database()));
  TRY_ASSIGN(const auto state, store::load_state(lease.database()));
  const audit::Chain chain{view.keys->vault_id(),
                           state.audit_seq,
                           crypto::hash_from(state.audit_head),
                           [&](std::int64_t epoch) { return view.keys->audit_key(epoch); }};
  SnapshotJudge judge(*core_, view);
  RowReader rows(lease.database(), judge);
  return verify_history(rows, chain, head);
}

Result<std::vector<Problem>> verify_all_rows(store::Database& database, const View& view) {
  class Collecting final : public Judge {
   public:
    explicit Collecting(const View& view) : view_(view) {}
    const MasterKeys& keys() const override { return view_.keys->master(); }
    std::optional<std::int64_t> rev_of(store::Table table, std::string_view id) const override {
      return view_.revisions->at(table, id, view_.counter);
    }
    std::vector<std::string> ids(store::Table table) const override {
      return view_.revisions->ids(table, view_.counter);
    }
    void report(const Problem& problem) override { problems.push_back(problem); }
    std::vector<Problem> problems;

   private:
    const View& view_;
  };
  Collecting judge(view);
  RowReader rows(database, judge);
  std::vector<Problem> reported_too;
  for (const auto table : store::kTables) {
    if (table != store::Table::secrets) TRY(rows.all(table, reported_too));
  }
  // Every secret that has a seal, so that a missing row is noticed too.
  TRY(store::scan_seals(
      database,
      [&](store::Table table, std::string_view id, const store::RowSeal&) -> Result<void> {
        if (table != store::Table::secrets) return {};
        const auto secret = rows.secret(id);
        if (secret || secret.error().reason == "row_integrity") return {};
        return fail(secret.error());
      }));
  return std::move(judge.problems);
}

bool Vault::exists(const Location& location) {
  return ::access((location.root + "/" + kDatabaseName).c_str(), F_OK) == 0 ||
         ::access((location.root + "/" + kHeaderName).c_str(), F_OK) == 0;
}

Result<std::unique_ptr<Vault>> Vault::open(const Options& options, const Secret* passphrase) {
  if (!exists(options.location)) return vault_unavailable("not_initialised", "vault not enabled");
  return OpenVault::open(options, passphrase);
}

Result<std::unique_ptr<Vault>> Vault::open_or_create(const Options& options) {
  if (!exists(options.location)) {
    TRY(make_vault(options, automatic_choice(options), "daemon"));
  }
  return OpenVault::open(options, nullptr);
}

}  // namespace aivault::vault
