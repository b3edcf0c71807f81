// Writer: the one thread that writes to a vault. Changes run one after another, each in its own
// synced transaction; records of calls share transactions (group commit) and are synced at least
// every 250 ms. What cannot be recorded is refused.
// Thread: members may be called from any, but not from the writer's own (from `done` or a change).
// Errors: audit_unavailable for records; for changes those of the change and of the store.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "store/database.h"
#include "vault/commit_signal.h"
#include "vault/core.h"
#include "vault/draft.h"
#include "vault/rates.h"
#include "vault/reserve.h"
#include "vault/segments.h"
#include "vault/vault.h"
#include "vault/wal_care.h"

namespace aivault::vault {

class Writer {
 public:
  using Work = std::function<Result<void>(Change&)>;
  // Audit rows up to this one belong to processes that are gone: calls among them that have no
  // end get one. 0: another process has the vault open.
  struct Start {
    std::int64_t orphans_up_to = 0;
    Durability durability = Durability::batched;
    SegmentLimits segments{};
  };

  Writer(Core& core, store::Database database, Start start);
  ~Writer();  // Writes what is queued, then ends.
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  Writer(Writer&&) = delete;
  Writer& operator=(Writer&&) = delete;

  Result<void> change(const Work& work);
  // For work that needs more than one transaction and tells the core what came of it (another
  // master key): on the writer's thread, between transactions, with writing() held, every commit
  // synced. Changes and records that arrive meanwhile wait.
  using Exclusive = std::function<Result<void>(Core&, store::Database&)>;
  Result<void> exclusive(const Exclusive& work);
  void record(audit::Event event, Vault::Recorded done);
  // A record that is written only if each of its rate windows has room; perhaps only the units are.
  enum class Row : std::uint8_t { written, left_out };
  struct Rated {
    std::vector<RateUnit> units;
    Row row = Row::written;
  };
  void record_limited(audit::Event event, Rated rated, Vault::Recorded done);
  void flush();
  bool is_writable() const;    // Of what was tried last.
  bool takes_records() const;  // The same of records alone, and there is room for more.
  CommitSignal& commits() { return commits_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMaxQueue = 10'000;  // Records that wait.
  static constexpr std::chrono::seconds kProbeEvery{10};
  struct Job {
    std::function<Result<void>()> run;
    Result<void> outcome;
    std::exception_ptr thrown;
    bool done = false;
  };
  struct Entry {
    audit::Event event;
    Vault::Recorded done;
    Rated rated{};
    std::optional<Error> refused{};  // There was no room.
    bool is_written() const { return rated.row == Row::written && !refused; }
  };

  // The turn of this process to write. What is under way ends soon when the keys are locked away,
  // so that nobody who holds a lock of the database keeps them in memory.
  class Turn {
   public:
    explicit Turn(Writer& writer) : writer_(writer), lock_(writer.core_.writing()) {
      writer_.needs_keys_ = true;
    }
    ~Turn() { writer_.needs_keys_ = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn(Turn&&) = delete;
    Turn& operator=(Turn&&) = delete;

   private:
    Writer& writer_;
    std::lock_guard<std::mutex> lock_;
  };

  void run();
  Clock::time_point next_deadline() const;
  Result<void> wait_for(Job& job);
  void run_change(Job& job);
  bool was_locked_out(const Result<void>& outcome) const;
  Result<void> commit_change(const Work& work);
  struct Nature {
    bool frees = false;  // It destroys or replaces something: it may use the reserve.
  };
  Result<void> try_change(const Work& work, Nature& nature);
  Result<bool> finish(Draft& draft, const std::vector<audit::Event>& events);
  Result<void> run_exclusive(const Exclusive& work);
  void write_batch(std::vector<Entry> batch);
  Result<void> keep_for_unlock(std::span<Entry> batch);
  Result<void> append(std::span<Entry> batch);
  Result<void> take_rates(std::span<Entry> batch, UnixMs now);
  Result<std::vector<audit::Event>> events_of(std::span<const Entry> batch, UnixMs now);
  void queue(Entry entry);
  void after_failure(const Error& error, std::vector<Entry> batch);
  void note_failure(const Error& error);
  Result<void> probe();
  void chain_pending();
  Result<bool> chain_some_pending();
  Result<std::optional<audit::Event>> switch_note(std::span<const Entry> batch);
  void close_orphans();
  void housekeeping(Clock::time_point now);
  std::optional<audit::Event> clock_note(UnixMs now);

  Core& core_;
  store::Database database_;
  Start start_;

  mutable std::mutex guard_;  // Of the queues and what goes with them.
  std::condition_variable wake_, progress_;
  std::deque<Job*> changes_;
  std::deque<Entry> records_;
  std::uint64_t recorded_ = 0, settled_ = 0;  // Records taken, and answered or kept waiting.
  bool writable_ = true, records_written_ = true;
  bool stopping_ = false;

  // Of the thread alone.
  std::deque<Entry> waiting_ends_;  // Ends of calls that could not be written yet.
  std::optional<Error> damaged_;    // Until restart.
  std::int64_t refused_calls_ = 0;  // Since writing failed.
  int io_failures_ = 0;             // In a row.
  Reserve reserve_;
  Sealer sealer_;
  Rates rates_;
  CommitSignal commits_;
  bool needs_keys_ = false;
  bool clock_noted_ = false, switch_known_ = false;
  WalCare wal_;
  Clock::time_point usage_at_, probe_at_;

  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace aivault::vault
