// The writer's second half: records of calls, which may wait for room, and are counted when they
// were refused.
#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "audit/log.h"
#include "vault/draft.h"
#include "vault/pending.h"
#include "vault/writer.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kBusyRetry = 1s;
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

// A first record of a call shows that calls are recorded again.
Result<std::optional<audit::Event>> Writer::switch_note(std::span<const Entry> batch) {
  const auto is_call = [](const Entry& entry) {
    return entry.is_written() && entry.event.kind == "capability.invoke";
  };
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
  events.reserve(waiting_ends_.size() + batch.size());
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

// One after another, so that those of one batch see each other's units.
Result<void> Writer::take_rates(std::span<Entry> batch, UnixMs now) {
  for (auto& entry : batch) {
    entry.refused.reset();
    if (entry.rated.units.empty()) continue;
    TRY_ASSIGN(entry.refused, rates_.take(database_, entry.rated.units, now));
  }
  return {};
}

Result<std::vector<audit::Event>> Writer::events_of(std::span<const Entry> batch, UnixMs now) {
  std::vector<audit::Event> events;
  events.reserve(batch.size() + waiting_ends_.size() + 3);
  if (auto note = clock_note(now)) events.push_back(std::move(*note));
  if (refused_calls_ > 0) events.push_back(gap_of(refused_calls_));
  TRY_ASSIGN(auto switched, switch_note(batch));
  if (switched) events.push_back(*std::move(switched));
  for (const auto& entry : waiting_ends_) {
    events.push_back(entry.event);
    events.back().late = true;
  }
  for (const auto& entry : batch) {
    if (!entry.is_written()) continue;
    if (entry.event.kind == "audit.disabled") {
      TRY_ASSIGN(const bool off, audit::calls_are_off(database_));
      if (off) continue;  // It is recorded once.
    }
    events.push_back(entry.event);
  }
  return events;
}

Result<void> Writer::append(std::span<Entry> batch) {
  if (damaged_) return fail(*damaged_);
  if (core_.is_locked()) return keep_for_unlock(batch);
  TRY(reserve_.ensure());
  const Turn turn(*this);
  TRY(core_.check_in_place());
  const bool strict = start_.durability == Durability::strict;
  TRY(database_.synchronise(strict ? store::Synchronous::full : store::Synchronous::normal));
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database_, store::Kind::write));
  TRY(core_.catch_up(database_));
  Draft draft(database_, core_, wall_clock());
  TRY(take_rates(batch, draft.now()));
  TRY_ASSIGN(const auto events, events_of(batch, draft.now()));
  if (events.empty()) {  // Units may have been taken.
    TRY(transaction.commit());
    wal_.wrote_unsynced(Clock::now());
    return {};
  }
  TRY_ASSIGN(const bool sealed, finish(draft, events));
  TRY(publish(core_, draft, std::move(transaction)));
  if (strict) {
    wal_.wrote_synced();
  } else {
    wal_.wrote_unsynced(Clock::now());
  }
  switch_known_ = switch_known_ || std::ranges::any_of(events, [](const audit::Event& event) {
                    return event.kind == "capability.invoke";
                  });
  io_failures_ = 0;
  commits_.committed(sealed);
  return {};
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
  if (was_locked_out(written)) written = append(batch);  // Kept for the next unlock.
  if (written) {
    refused_calls_ = 0;
    for (const auto& entry : std::exchange(waiting_ends_, {})) {
      if (entry.done) entry.done({});
    }
    for (auto& entry : batch) {
      if (!entry.done) continue;
      entry.done(entry.refused ? Result<void>(fail(*std::move(entry.refused))) : Result<void>());
    }
  } else {
    if (probing) note_failure(written.error());
    const bool busy = written.error().reason == "busy";
    if (probing) probe_at_ = now + (busy ? kBusyRetry : kProbeEvery);
    after_failure(written.error(), std::move(batch));
  }
  const std::lock_guard lock(guard_);
  writable_ = records_written_ = written.has_value();
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

}  // namespace aivault::vault
