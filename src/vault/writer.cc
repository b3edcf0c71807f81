#include "vault/writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "audit/log.h"
#include "platform/descriptor.h"
#include "store/statement.h"
#include "vault/changing.h"
#include "vault/draft.h"
#include "vault/layout.h"
#include "vault/pending.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxBatch = 512;
constexpr std::size_t kMaxQueue = 10'000;
constexpr auto kWalSync = 250ms;
constexpr auto kUsageEvery = 900ms;
constexpr auto kTruncateRetry = 100ms;
constexpr std::chrono::seconds kProbeEvery = 10s;
constexpr std::chrono::seconds kBusyRetry = 1s;
constexpr int kMaxIoFailures = 3;
constexpr auto kClockTolerance = 5s;
constexpr std::int64_t kOrphanWindow = 16'384;  // Audit rows looked at for unfinished calls.

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Error audit_unavailable(const Error& cause) {
  return {ErrorCode::vault_unavailable,
          "audit_unavailable",
          "audit log unavailable: " + cause.message,
          cause.retry_after_s};
}

// Deletions, revocations, rotations and the like.
bool takes_away(const audit::Event& event) {
  constexpr std::array<std::string_view, 7> kVerbs = {
      ".revoke", ".rotate", ".delete", ".unbind", ".disable", ".remove", ".detach"};
  return std::ranges::any_of(kVerbs,
                             [&](std::string_view verb) { return event.kind.ends_with(verb); });
}

audit::Event gap_of(std::int64_t refused) {
  audit::Event gap;
  gap.kind = "audit.gap";
  gap.actor = "daemon";
  gap.count = refused;
  gap.note = "calls were refused while the audit could not be written";
  return gap;
}

bool is_end_of_call(const audit::Event& event) {
  return event.kind == "capability.invoke" && (event.outcome == "ok" || event.outcome == "error");
}

}  // namespace

Writer::Writer(Core& core, store::Database database, Start start)
    : core_(core),
      database_(std::move(database)),
      start_(start),
      writable_(!database_.is_read_only()),
      reserve_(core.root()),
      sealer_(start.segments) {
  const auto now = Clock::now();
  sync_at_ = truncate_at_ = probe_at_ = now;
  usage_at_ = now + kUsageEvery;
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
  {
    const std::lock_guard lock(guard_);
    if (records_.size() < kMaxQueue) {
      records_.push_back({std::move(event), std::move(done)});
      ++recorded_;
      wake_.notify_all();
      return;
    }
  }
  if (!done) return;
  done(vault_unavailable("audit_unavailable", "audit log unavailable: too many records wait"));
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

Writer::Clock::time_point Writer::next_deadline() const {
  auto next = usage_at_;
  if (wal_dirty_) next = std::min(next, sync_at_);
  if (wal_to_truncate_) next = std::min(next, truncate_at_);
  if (!waiting_ends_.empty() || !writable_) next = std::min(next, probe_at_);
  return next;
}

void Writer::run() {
  if (!reserve_.ensure()) {
    const std::lock_guard lock(guard_);
    writable_ = false;
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
  write_usage();
  if (wal_dirty_) sync_wal();
  if (wal_to_truncate_) (void)database_.truncate_wal();
}

void Writer::run_change(Job& job) {
  Result<void> outcome;
  std::exception_ptr thrown;
  try {
    outcome = job.run();
  } catch (...) {
    thrown = std::current_exception();  // Rolled back; it is the caller's.
  }
  if (!outcome) note_failure(outcome.error());
  const std::lock_guard lock(guard_);
  if (damaged_ || (!outcome && outcome.error().reason == "not_writable")) writable_ = false;
  if (!writable_) probe_at_ = std::max(probe_at_, Clock::now() + kProbeEvery);
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
  const std::lock_guard lock(core_.writing());
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
  if (auto note = clock_note(draft.now())) events.push_back(std::move(*note));
  TRY_ASSIGN(const bool sealed, finish(draft, events));
  TRY(publish(core_, draft, std::move(transaction)));
  wal_dirty_ = false;  // This commit synced all that came before.
  io_failures_ = 0;
  commits_.committed(sealed);
  if (change.has_destroyed()) {
    wal_to_truncate_ = true;
    truncate_at_ = Clock::now();
  }
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
  const std::lock_guard lock(core_.writing());
  TRY(core_.check_in_place());
  TRY(database_.synchronise(store::Synchronous::full));
  const auto before = core_.memory().state.counter;
  auto done = work(core_, database_);
  if (core_.memory().state.counter != before) {  // What it has replaced may still be in the WAL.
    wal_to_truncate_ = true;
    truncate_at_ = Clock::now();
  }
  return done;
}

// A first record of a call shows that calls are recorded again.
Result<std::optional<audit::Event>> Writer::switch_note(std::span<const Entry> batch) {
  const auto is_call = [](const Entry& entry) { return entry.event.kind == "capability.invoke"; };
  if (switch_known_ || std::ranges::none_of(batch, is_call)) return std::nullopt;
  TRY_ASSIGN(const bool off, audit::calls_are_off(database_));
  if (!off) return std::nullopt;
  audit::Event event;
  event.kind = "audit.enabled";
  event.actor = "daemon";
  event.note = "calls are recorded";
  return event;
}

// Without keys there is no chain to append to, and no call may begin.
Result<void> Writer::keep_for_unlock(std::span<Entry> batch) {
  std::vector<audit::Event> events;
  for (const auto& entry : waiting_ends_) events.push_back(entry.event);
  for (auto& entry : batch) {
    if (entry.event.outcome != "started") {
      events.push_back(entry.event);
    } else if (const auto done = std::exchange(entry.done, nullptr)) {
      done(vault_unavailable("vault_locked", "vault locked"));
    }
  }
  if (events.empty()) return {};
  return add_pending(database_, events);
}

Result<void> Writer::append(std::span<Entry> batch) {
  if (damaged_) return fail(*damaged_);
  if (core_.is_locked()) return keep_for_unlock(batch);
  TRY(reserve_.ensure());
  const std::lock_guard lock(core_.writing());
  TRY(core_.check_in_place());
  const bool strict = start_.durability == Durability::strict;
  TRY(database_.synchronise(strict ? store::Synchronous::full : store::Synchronous::normal));
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database_, store::Kind::write));
  TRY(core_.catch_up(database_));
  Draft draft(database_, core_, wall_clock());
  std::vector<audit::Event> events;
  events.reserve(batch.size() + waiting_ends_.size() + 3);
  if (auto note = clock_note(draft.now())) events.push_back(std::move(*note));
  if (refused_calls_ > 0) events.push_back(gap_of(refused_calls_));
  TRY_ASSIGN(auto switched, switch_note(batch));
  if (switched) events.push_back(*std::move(switched));
  for (const auto& entry : waiting_ends_) {
    events.push_back(entry.event);
    events.back().late = true;
  }
  for (const auto& entry : batch) {
    if (entry.event.kind == "audit.disabled") {
      TRY_ASSIGN(const bool off, audit::calls_are_off(database_));
      if (off) continue;  // It is recorded once.
    }
    events.push_back(entry.event);
  }
  if (events.empty()) return {};
  TRY_ASSIGN(const bool sealed, finish(draft, events));
  TRY(publish(core_, draft, std::move(transaction)));
  if (strict) wal_dirty_ = false;
  if (!strict && !std::exchange(wal_dirty_, true)) sync_at_ = Clock::now() + kWalSync;
  switch_known_ = switch_known_ || std::ranges::any_of(events, [](const audit::Event& event) {
                    return event.kind == "capability.invoke";
                  });
  io_failures_ = 0;
  commits_.committed(sealed);
  return {};
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
  const std::lock_guard lock(core_.writing());
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
  wal_dirty_ = false;
  commits_.committed(sealed);
  return true;
}

// After a failure: is there room again? What was refused meanwhile is recorded.
Result<void> Writer::probe() {
  TRY(reserve_.ensure());
  if (waiting_ends_.empty() && refused_calls_ == 0) {
    if (database_.is_read_only()) return vault_unavailable("not_writable", "vault not writable");
    return {};
  }
  return append({});
}

void Writer::write_batch(std::vector<Entry> batch) {
  const auto now = Clock::now();
  const bool probing = is_writable() || now >= probe_at_;
  const auto size = batch.size();
  auto written = probing ? (batch.empty() ? probe() : append(batch))
                         : Result<void>(vault_unavailable("not_writable", "vault not writable"));
  if (written) {
    refused_calls_ = 0;
    for (const auto& entry : std::exchange(waiting_ends_, {})) {
      if (entry.done) entry.done({});
    }
    for (const auto& entry : batch) {
      if (entry.done) entry.done({});
    }
  } else {
    if (probing) note_failure(written.error());
    const bool busy = written.error().reason == "busy";
    if (probing) probe_at_ = now + (busy ? kBusyRetry : kProbeEvery);
    after_failure(written.error(), std::move(batch));
  }
  const std::lock_guard lock(guard_);
  writable_ = written.has_value();
  settled_ += size;
  progress_.notify_all();
}

// An end waits until it can be written; anything else is refused now.
void Writer::after_failure(const Error& error, std::vector<Entry> batch) {
  for (auto& entry : batch) {
    if (is_end_of_call(entry.event) && waiting_ends_.size() < kMaxQueue) {
      waiting_ends_.push_back(std::move(entry));
      continue;
    }
    ++refused_calls_;
    if (entry.done) entry.done(fail(audit_unavailable(error)));
  }
}

void Writer::close_orphans() {
  if (start_.orphans_up_to == 0) return;
  const auto last = start_.orphans_up_to;
  const auto first = std::max<std::int64_t>(1, last - kOrphanWindow + 1);
  auto calls = audit::unfinished_calls(database_, first, last);
  if (!calls || calls->empty()) return;
  std::vector<Entry> batch;
  for (auto& event : *calls) {
    event.outcome = "error";
    event.code = "vault_unavailable";
    event.reason = "internal";
    batch.push_back({std::move(event), nullptr});
  }
  const std::size_t size = batch.size();
  {
    const std::lock_guard lock(guard_);
    recorded_ += size;  // write_batch() settles them.
  }
  write_batch(std::move(batch));
}

// Usage figures are not authenticated and do not move the counter.
void Writer::write_usage() {
  auto usage = core_.take_usage();
  if (usage.empty()) return;
  const auto write = [&]() -> Result<void> {
    const std::lock_guard lock(core_.writing());
    TRY(core_.check_in_place());
    TRY(database_.synchronise(store::Synchronous::normal));
    TRY_ASSIGN(auto transaction, store::Transaction::begin(database_, store::Kind::write));
    for (const auto& [id, used] : usage) {
      TRY(store::Statement(database_,
                           "INSERT INTO secret_usage (secret_id, last_used_at_ms, uses) SELECT id, "
                           "?2, ?3 FROM secrets WHERE id = ?1 ON CONFLICT (secret_id) DO UPDATE "
                           "SET last_used_at_ms = max(last_used_at_ms, excluded.last_used_at_ms), "
                           "uses = uses + excluded.uses",
                           id.str(),
                           to_int(used.last),
                           used.uses)
              .run());
    }
    return transaction.commit();
  };
  if (!write()) core_.give_back(std::move(usage));
}

// Through a descriptor of its own: what it syncs is the file. Closing one of the WAL drops no
// lock, unlike one of the database.
void Writer::sync_wal() {
  const platform::Descriptor wal(
      ::openat(core_.root().descriptor(), kWalName, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (wal && ::fdatasync(wal.get()) == 0) wal_dirty_ = false;
}

void Writer::housekeeping(Clock::time_point now) {
  if (wal_dirty_ && now >= sync_at_) {
    sync_wal();
    sync_at_ = now + kWalSync;
  }
  if (now >= usage_at_) {
    write_usage();
    chain_pending();  // Another process may hold the vault without its keys.
    usage_at_ = now + kUsageEvery;
  }
  if (wal_to_truncate_ && now >= truncate_at_) {
    const auto truncated = database_.truncate_wal();
    wal_to_truncate_ = !truncated || !*truncated;
    truncate_at_ = now + kTruncateRetry;
  }
  if ((!waiting_ends_.empty() || !writable_) && !damaged_ && now >= probe_at_) write_batch({});
}

}  // namespace aivault::vault
