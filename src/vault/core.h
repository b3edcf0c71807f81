// Core: what one process remembers of the vault it has open, and by which it judges what it reads:
// keys, the right revision of every row, counter, digest and head of the audit.
// Thread: any. The one writer holds writing() from the start of its transaction to the end of it;
// a reader takes it only to look again at what somebody else has changed.
// Errors: vault_locked after lock_keys(); row_integrity when the database went back or is another
// file (for good), else those of the full check.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "metrics/metrics.h"
#include "platform/directory.h"
#include "platform/range_lock.h"
#include "store/database.h"
#include "vault/full_check.h"
#include "vault/rows.h"

namespace aivault::vault {

struct Memory {
  std::shared_ptr<const Keyring> keys;
  std::shared_ptr<Revisions> revisions;
  store::StateRow state;
  Digest digest;
  std::string provider_type;
  std::string kek_id;  // 32 bytes; stays when the keys are gone.
};

// One snapshot of the database with what it is judged by. Members end in reverse order.
struct View {
  std::shared_ptr<const Keyring> keys;
  std::shared_ptr<Revisions> revisions;
  Revisions::Pin pin;
  std::int64_t last_ts_ms;
  std::int64_t counter;
  store::Transaction transaction;
};

class Core {
 public:
  // Opens the database, checks it in full, keeps it locked against restore.
  static Result<std::unique_ptr<Core>> open(platform::Directory root,
                                            platform::RangeLock lock,
                                            const KeyInput& input);

  const platform::Directory& root() const { return root_; }
  const platform::RangeLock& lock() const { return lock_; }
  const KeySources& sources() const { return sources_; }
  Result<store::Database> connect() const;

  // Whatever begins from now on is vault_locked. The keys are wiped with the read or the
  // transaction that is under way, if one is: returns when the latter has
  // ended, which is soon: it gives up what it waits for.
  void lock_keys();
  bool is_locked() const { return locked_; }

  Result<View> enter(store::Database& database);
  // Moves when protected rows have changed, by whatever process.
  Result<std::int64_t> generation(store::Database& database);

  std::mutex& writing() { return writing_; }
  // The following for the holder of writing().
  // Is the database as it is remembered? Else checks it in full within the caller's transaction.
  Result<void> catch_up(store::Database& database);
  const Memory& memory() const { return memory_; }
  void committed(store::StateRow state, Digest digest, bool objects_changed);
  Result<void> check_in_place();
  Result<void> adopt(Checked checked);  // In place of all that was remembered.

  Memory copy_of_memory() const;                // For others.
  std::shared_ptr<const Keyring> keys() const;  // nullptr: locked.

  void report(const Problem& problem);
  std::vector<Problem> problems() const;
  // Called once for each row that failed; must not block.
  void on_problem(std::function<void(const Problem&)> listener);

  // Who counts what is committed; nullptr: nobody. Set before use.
  void count_for(metrics::Metrics* metrics) { metrics_ = metrics; }
  metrics::Metrics* metrics() const { return metrics_; }

  void mark_used(const SecretId& id, UnixMs at);
  struct Usage {
    std::int64_t uses = 0;
    UnixMs last;
  };
  std::map<SecretId, Usage> take_usage();
  void give_back(std::map<SecretId, Usage> usage);  // It could not be written.

 private:
  Core(platform::Directory root, platform::RangeLock lock, KeySources sources)
      : root_(std::move(root)), lock_(std::move(lock)), sources_(std::move(sources)) {}
  Result<View> begin(store::Database& database) const;
  Result<View> enter_anew(store::Database& database);
  Result<void> refuse_for_good(const std::string& what);
  void forget_keys();

  platform::Directory root_;
  platform::RangeLock lock_;
  KeySources sources_;
  std::uint64_t device_ = 0, inode_ = 0;  // Of vault.db.
  metrics::Metrics* metrics_ = nullptr;

  std::atomic<bool> locked_ = false;
  std::mutex writing_;
  mutable std::mutex guard_;  // Of what follows; held for copies only.
  Memory memory_;             // Changed with writing_ and guard_ held, so read with either.
  std::int64_t generation_ = 0;
  std::optional<Error> refused_;

  mutable std::mutex notes_;  // Of what follows.
  std::vector<Problem> problems_;
  std::function<void(const Problem&)> listener_;
  std::map<SecretId, Usage> usage_;
};

}  // namespace aivault::vault
