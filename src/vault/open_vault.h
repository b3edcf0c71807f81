// OpenVault: the Vault interface over one core, one writer and a few reading connections.
// Thread: any.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "vault/audit_keeper.h"
#include "vault/core.h"
#include "vault/recent_secrets.h"
#include "vault/vault.h"
#include "vault/writer.h"

namespace aivault::vault {

class OpenVault final : public Vault {
 public:
  static Result<std::unique_ptr<Vault>> open(const Options& options, const Secret* passphrase);
  static Result<std::unique_ptr<Vault>> open_with(const Options& options,
                                                  const KeyInput& input,
                                                  SegmentLimits segments = {});

  OpenVault(std::unique_ptr<Core> core,
            store::Database database,
            const Writer::Start& start,
            const Options& options);
  OpenVault(const OpenVault&) = delete;
  OpenVault& operator=(const OpenVault&) = delete;
  OpenVault(OpenVault&&) = delete;
  OpenVault& operator=(OpenVault&&) = delete;
  ~OpenVault() override;

  Status status() override;
  void lock() override { core_->lock_keys(); }
  bool is_locked() const override { return core_->is_locked(); }
  std::vector<Problem> problems() override { return core_->problems(); }
  const std::string& root() const override { return core_->root().path(); }
  Result<std::int64_t> change_counter() override;
  Result<void> read(const std::function<Result<void>(Reader&)>& work) override;
  Result<void> change(const std::function<Result<void>(Change&)>& work) override;
  Result<OpenedSecret> open_secret(const SecretId& id,
                                   const Context& context,
                                   Opener opener) override;
  void record(audit::Event event, Recorded done) override;
  void record_limited(audit::Event event, std::vector<RateUnit> units, Recorded done) override;
  Result<std::string> token_hash(const Secret& token) override;
  void flush() override { writer_.flush(); }
  Result<BackupDone> backup(const BackupRequest& request,
                            const std::function<Result<void>(std::string_view)>& sink) override;
  Result<MasterRotated> rotate_master(NewMaster wanted, audit::Event who) override;
  Result<std::int64_t> audit_head() override;
  MirrorState mirror_state() override { return keeper_.state(); }
  void reopen_mirror() override { keeper_.reopen_mirror(); }
  Result<audit::Verification> verify_audit(const std::optional<audit::Head>& head) override;
  Result<std::vector<Problem>> check_everything(const std::function<bool()>& goes_on) override;
  std::vector<Check> examine() override;

 private:
  // A connection for one read.
  class Lease {
   public:
    static Result<Lease> from(OpenVault& vault);
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    store::Database& database() { return *database_; }

   private:
    Lease(OpenVault& vault, std::unique_ptr<store::Database> database)
        : vault_(vault), database_(std::move(database)) {}
    OpenVault& vault_;
    std::unique_ptr<store::Database> database_;
  };
  Result<std::unique_ptr<store::Database>> take();
  void give_back(std::unique_ptr<store::Database> database);

  std::unique_ptr<Core> core_;
  CallRecords call_records_;
  std::atomic<bool> disabled_noted_ = false;  // With the first call that is not recorded.
  std::mutex pool_guard_;
  std::vector<std::unique_ptr<store::Database>> pool_;
  RecentSecrets recent_;
  Writer writer_;
  AuditKeeper keeper_;
};

// Rows of every protected table that fail their check, those that are missing included.
Result<std::vector<Problem>> verify_all_rows(store::Database& database, const View& view);

}  // namespace aivault::vault
