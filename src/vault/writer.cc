#include "vault/writer.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "vault/changing.h"
#include "vault/draft.h"
#include "vault/layout.h"
#include "vault/pending.h"
#include "vault/usage.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxBatch = 512;
constexpr auto kUsageEvery = 900ms;
constexpr int kMaxIoFailures = 3;
constexpr auto kClockTolerance = 5s;

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// Deletions, revocations, rotations and the like.
bool takes_away(const audit::Event& event) {
  constexpr std::array<std::string_view, 7> kVerbs = {
      ".revoke", ".rotate", ".delete", ".unbind", ".disable", ".remove", ".detach"};
  return std::ranges::any_of(kVerbs,
                             [&](std::string_view verb) { return event.kind.ends_with(verb); });
}

}  // namespace

Writer::Writer(Core& core, store::Database database, Start start)
    : core_(core),
      database_(std::move(database)),
      start_(start),
      writable_(!database_.is_read_only()),
      records_written_(writable_),
      reserve_(core.root()),
      sealer_(start.segments) {
  const auto now = Clock::now();
  probe_at_ = now;
  usage_at_ = now + kUsageEvery;
  database_.work_while([this] { return !needs_keys_ || !core_.is_locked(); });
  thread_ = std::thread([this] { run(); });
}

Writer::~Writer() {
  {
    const std::lock_guard lock(guard_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Result<void> Writer::change(const Work& work) {
  Job job{[&] { return commit_change(work); }, {}, nullptr};
  return wait_for(job);
}

Result<void> Writer::exclusive(const Exclusive& work) {
  Job job{[&] { return run_exclusive(work); }, {}, nullptr};
  return wait_for(job);
}

Result<void> Writer::wait_for(Job& job) {
  {
    std::unique_lock lock(guard_);
    changes_.push_back(&job);
    wake_.notify_all();
    progress_.wait(lock, [&] { return job.done; });
  }
  if (job.thrown) std::rethrow_exception(job.thrown);
  return std::move(job.outcome);
}

void Writer::record(audit::Event event, Vault::Recorded done) {
  queue({std::move(event), std::move(done)});
}

void Writer::record_limited(audit::Event event, Rated rated, Vault::Recorded done) {
  queue({std::move(event), std::move(done), std::move(rated)});
}

void Writer::queue(Entry entry) {
  {
    const std::lock_guard lock(guard_);
    if (records_.size() < kMaxQueue) {
      records_.push_back(std::move(entry));
      ++recorded_;
      wake_.notify_all();
      return;
    }
  }
  if (!entry.done) return;
  entry.done(
      vault_unavailable("audit_unavailable", "audit log unavailable: too many records wait"));
}

void Writer::flush() {
  std::unique_lock lock(guard_);
  const auto target = recorded_;
  progress_.wait(lock, [&] { return settled_ >= target; });
}

bool Writer::is_writable() const {
  const std::lock_guard lock(guard_);
  return writable_;
}

bool Writer::takes_records() const {
  const std::lock_guard lock(guard_);
  return records_written_ && records_.size() < kMaxQueue;
}

Writer::Clock::time_point Writer::next_deadline() const {
  auto next = usage_at_;
  if (!waiting_ends_.empty() || !writable_) next = std::min(next, probe_at_);
  return wal_.deadline(next);
}

void Writer::run() {
  if (!reserve_.ensure()) {
    const std::lock_guard lock(guard_);
    writable_ = records_written_ = false;
    probe_at_ = Clock::now() + kProbeEvery;
  }
  chain_pending();
  close_orphans();
  while (true) {
    Job* job = nullptr;
    std::vector<Entry> batch;
    bool stopping = false;
    {
      std::unique_lock lock(guard_);
      wake_.wait_until(lock, next_deadline(), [&] {
        return stopping_ || !changes_.empty() || !records_.empty();
      });
      stopping = stopping_ && changes_.empty() && records_.size() <= kMaxBatch;
      if (!changes_.empty()) {
        job = changes_.front();
        changes_.pop_front();
      }
      while (!records_.empty() && batch.size() < kMaxBatch) {
        batch.push_back(std::move(records_.front()));
        records_.pop_front();
      }
    }
    if (job != nullptr) run_change(*job);
    if (!batch.empty()) write_batch(std::move(batch));
    housekeeping(Clock::now());
    if (stopping) break;
  }
  if (!waiting_ends_.empty()) write_batch({});
  write_usage(database_, core_);
  wal_.finish(database_, core_.root());
}

// Broken off because the keys went.
bool Writer::was_locked_out(const Result<void>& outcome) const {
  return !outcome && outcome.error().reason == "busy" && core_.is_locked();
}

void Writer::run_change(Job& job) {
  Result<void> outcome;
  std::exception_ptr thrown;
  try {
    outcome = job.run();
  } catch (...) {
    thrown = std::current_exception();  // Rolled back; it is the caller's.
  }
  if (was_locked_out(outcome)) outcome = vault_unavailable("vault_locked", "vault locked");
  if (!outcome) note_failure(outcome.error());
  const std::lock_guard lock(guard_);
  const bool failed = damaged_ || (!outcome && outcome.error().reason == "not_writable");
  if (failed && std::exchange(writable_, false)) probe_at_ = Clock::now() + kProbeEvery;
  if (outcome && !writable_) probe_at_ = Clock::now();  // Perhaps there is room for calls again.
  job.outcome = std::move(outcome);
  job.thrown = thrown;
  job.done = true;
  progress_.notify_all();
}

// Nothing is written to a damaged database any more, nor to a disk that fails again and again.
void Writer::note_failure(const Error& error) {
  if (damaged_) return;
  if (error.reason == "damaged") damaged_ = error;
  if (error.reason != "not_writable") return;
  sealer_.forget();
  if (database_.last_failure() != store::Failure::io) return;
  if (++io_failures_ < kMaxIoFailures) return;
  damaged_ = Error{ErrorCode::vault_unavailable,
                   "damaged",
                   "vault damaged: the disk has failed " + std::to_string(kMaxIoFailures) +
                       " times in a row; check it, then restart the daemon",
                   0};
}

// More than a moment back: recorded once for each such jump.
std::optional<audit::Event> Writer::clock_note(UnixMs now) {
  const auto latest = from_int(core_.memory().state.last_ts_ms);
  if (now + kClockTolerance >= latest) {
    if (now >= latest) clock_noted_ = false;
    return std::nullopt;
  }
  if (std::exchange(clock_noted_, true)) return std::nullopt;
  audit::Event event;
  event.kind = "vault.clock_backwards";
  event.actor = "daemon";
  event.note = "from " + rfc3339(latest) + " to " + rfc3339(now);
  return event;
}

// What makes room or takes something away may use the reserve.
Result<void> Writer::commit_change(const Work& work) {
  if (damaged_) return fail(*damaged_);
  Nature nature;
  auto done = try_change(work, nature);
  if (done || !nature.frees || database_.last_failure() != store::Failure::full ||
      done.error().reason != "not_writable" || !reserve_.release()) {
    return done;
  }
  sealer_.forget();
  return try_change(work, nature);
}

Result<void> Writer::try_change(const Work& work, Nature& nature) {
  const Turn turn(*this);
  TRY(core_.check_in_place());
  TRY(database_.synchronise(store::Synchronous::full));
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database_, store::Kind::write));
  TRY(core_.catch_up(database_));
  Draft draft(database_, core_, wall_clock());
  Changing change(database_, draft);
  auto worked = work(change);
  nature.frees = change.has_destroyed() || std::ranges::any_of(change.events(), takes_away);
  TRY(std::move(worked));
  auto events = change.events();
  if (events.empty() && draft.writes().empty()) return {};
  if (events.empty()) {
    return vault_unavailable("audit_unavailable",
                             "audit log unavailable: a change came without its record");
  }
  // Room that was freed to open the vault, or to take something away, is kept for that.
  if (!nature.frees) TRY(reserve_.ensure());
  if (auto note = clock_note(draft.now())) events.push_back(std::move(*note));
  TRY_ASSIGN(const bool sealed, finish(draft, events));
  TRY(publish(core_, draft, std::move(transaction)));
  wal_.wrote_synced();  // All that came before, too.
  io_failures_ = 0;
  commits_.committed(sealed);
  if (change.has_destroyed()) wal_.destroyed(Clock::now());
  return {};
}

// Together with the segment that is due, if one is.
Result<bool> Writer::finish(Draft& draft, const std::vector<audit::Event>& events) {
  TRY_ASSIGN(const bool sealed, sealer_.seal_due(database_, draft));
  TRY(draft.finish(events));
  return sealed;
}

Result<void> Writer::run_exclusive(const Exclusive& work) {
  if (damaged_) return fail(*damaged_);
  const Turn turn(*this);
  TRY(core_.check_in_place());
  TRY(database_.synchronise(store::Synchronous::full));
  const auto before = core_.memory().state.counter;
  auto done = work(core_, database_);
  // What it has replaced may still be in the log.
  if (core_.memory().state.counter != before) wal_.destroyed_all(Clock::now());
  return done;
}

// What happened while the keys were not in memory, in steps so that calls come between.
void Writer::chain_pending() {
  while (true) {
    const auto some = chain_some_pending();
    if (!some) note_failure(some.error());
    if (!some || !*some) return;
  }
}

Result<bool> Writer::chain_some_pending() {
  if (damaged_ || database_.is_read_only()) return false;
  TRY_ASSIGN(const auto waits, load_pending(database_, 1));
  if (waits.events.empty()) return false;
  TRY(reserve_.ensure());
  const Turn turn(*this);
  TRY(core_.check_in_place());
  TRY(database_.synchronise(store::Synchronous::full));
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database_, store::Kind::write));
  TRY(core_.catch_up(database_));
  TRY_ASSIGN(const auto pending, load_pending(database_, kMaxBatch));
  if (pending.events.empty()) return false;  // Another process was faster.
  Draft draft(database_, core_, wall_clock());
  TRY_ASSIGN(const bool sealed, finish(draft, pending.events));
  TRY(remove_pending(database_, pending.last_id));
  TRY(publish(core_, draft, std::move(transaction)));
  wal_.wrote_synced();
  commits_.committed(sealed);
  return true;
}

void Writer::housekeeping(Clock::time_point now) {
  wal_.tend(database_, core_.root(), now);
  if (now >= usage_at_) {
    write_usage(database_, core_);
    chain_pending();  // Another process may hold the vault without its keys.
    usage_at_ = now + kUsageEvery;
  }
  if ((!waiting_ends_.empty() || !writable_) && !damaged_ && now >= probe_at_) write_batch({});
}

}  // namespace aivault::vault
