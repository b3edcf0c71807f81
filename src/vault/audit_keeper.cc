#include "vault/audit_keeper.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "store/seals.h"
#include "store/statement.h"
#include "vault/draft.h"
#include "vault/layout.h"
#include "vault/segment_file.h"
#include "vault/snapshot_judge.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;

constexpr auto kMirrorRetry = 1000ms;
constexpr auto kMirrorLate = 30s;  // Without a word of it, it hangs.
constexpr auto kArchiveRetry = 60'000ms;
constexpr std::size_t kPage = 1024;       // Rows read in one go.
constexpr std::int64_t kTrimRows = 2048;  // Removed in one transaction.

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

AuditKeeper::AuditKeeper(Core& core, Writer& writer, SegmentLimits limits, std::string mirror)
    : core_(core), writer_(writer), limits_(limits), mirror_(std::move(mirror)) {
  thread_ = std::thread([this] { run(); });
}

AuditKeeper::~AuditKeeper() {
  writer_.flush();
  writer_.commits().stop();
  thread_.join();
}

MirrorState AuditKeeper::state() const {
  const std::lock_guard lock(guard_);
  MirrorState state{mirror_.path(), problem_};
  if (!state.path.empty()) {
    const auto head = core_.copy_of_memory().state.audit_seq;
    state.lag = std::max<std::int64_t>(0, head - mirrored_);
  }
  const auto behind = std::chrono::steady_clock::now() - mirrored_at_;
  if (!state.path.empty() && state.problem.empty() && behind >= kMirrorLate) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(behind).count();
    state.problem = "audit mirror '" + state.path + "': nothing could be written for " +
                    std::to_string(seconds) + " s";
  }
  return state;
}

void AuditKeeper::run() {
  CommitSignal::Seen seen;
  const bool mirrors = !mirror_.path().empty();
  const auto wanted = mirrors ? CommitSignal::For::commits : CommitSignal::For::seals;
  const auto timeout = mirrors ? kMirrorRetry : kArchiveRetry;
  auto seals = ~std::uint64_t{0};
  auto archived_at = std::chrono::steady_clock::now();
  bool more = true;
  while (more) {
    const auto now = std::chrono::steady_clock::now();
    const bool archiving = seals != seen.seals || now - archived_at >= kArchiveRetry;
    if (archiving) archived_at = now;
    seals = seen.seals;
    pass(archiving);
    more = writer_.commits().wait(seen, wanted, timeout);
  }
  pass(false);
}

void AuditKeeper::pass(bool archiving) {
  if (!mirror_.path().empty()) {
    const auto mirrored = take_turn_at_mirror();
    if (!mirrored) database_.reset();
    const std::lock_guard lock(guard_);
    problem_ = mirrored ? "" : mirrored.error().message;
    if (mirrored) mirrored_at_ = std::chrono::steady_clock::now();
  }
  while (archiving && !writer_.commits().is_stopped()) {
    const auto more = archive_oldest();
    if (!more) database_.reset();
    if (!more || !*more) return;
  }
}

Result<store::Database*> AuditKeeper::database() {
  TRY(core_.check_in_place());
  if (!database_) {
    TRY_ASSIGN(auto opened, core_.connect());
    database_.emplace(std::move(opened));
  }
  return &*database_;
}

Result<std::vector<Segment>> AuditKeeper::segments(store::Database& database) {
  TRY_ASSIGN(const auto view, core_.enter(database));
  SnapshotJudge judge(core_, view);
  RowReader rows(database, judge);
  std::vector<Problem> damaged;
  TRY_ASSIGN(auto found, load_segments(rows, damaged));
  if (!damaged.empty()) {
    return vault_unavailable("row_integrity",
                             "row integrity check failed: " + damaged.front().message);
  }
  return found;
}

// One process at a time; whoever comes second tries again.
Result<void> AuditKeeper::take_turn_at_mirror() {
  if (!core_.lock().try_lock(kMirrorByte, platform::RangeLock::Hold::exclusive)) {
    return vault_unavailable(
        "mirror", "audit mirror '" + mirror_.path() + "': another process is writing to it");
  }
  auto done = mirror_new();
  core_.lock().unlock(kMirrorByte);
  return done;
}

Result<void> AuditKeeper::mirror_new() {
  if (reopen_.exchange(false)) mirror_.reopen();
  TRY_ASSIGN(auto* const database, this->database());
  TRY_ASSIGN(const auto reached, mirror_.begin());
  TRY_ASSIGN(const auto state, store::load_state(*database));
  mirrored_ = reached;
  if (reached > state.audit_seq) {
    return vault_unavailable("mirror",
                             "audit mirror '" + mirror_.path() + "' holds event " +
                                 std::to_string(reached) + ", the vault ends with " +
                                 std::to_string(state.audit_seq) + "; move the file away");
  }
  if (reached == state.audit_seq) return {};
  return mirror_rows(*database, reached);
}

Result<void> AuditKeeper::mirror_rows(store::Database& database, std::int64_t reached) {
  TRY_ASSIGN(const auto segments, this->segments(database));
  for (const auto& segment : segments) {
    if (!segment.archived || segment.last <= reached) continue;
    Result<void> added;
    TRY_ASSIGN(const auto file,
               read_segment(core_.root().path(), segment.file, [&](const audit::StoredRow& row) {
                 if (row.row.seq > reached) added = mirror_.add({row});
                 return added.has_value();
               }));
    TRY(std::move(added));
    reached = segment.last;
    mirrored_ = reached;
  }
  constexpr auto kAll = std::int64_t{1} << 53U;
  while (true) {
    TRY_ASSIGN(const auto rows, audit::rows_after(database, reached, kAll, kPage));
    if (rows.empty()) break;
    TRY(mirror_.add(rows));
    reached = rows.back().row.seq;
    mirrored_ = reached;
  }
  return {};
}

Result<bool> AuditKeeper::archive_oldest() {
  TRY_ASSIGN(auto* const database, this->database());
  if (database->is_read_only()) return false;
  TRY_ASSIGN(const auto all, segments(*database));
  TRY_ASSIGN(const bool trimmed, trim(archived_up_to(all)));
  if (trimmed) return true;
  const auto oldest = std::ranges::find(all, false, &Segment::archived);
  const auto sealed = static_cast<std::size_t>(all.end() - oldest);
  if (sealed <= limits_.kept) return false;
  // One process at a time; whoever comes second has nothing to do.
  if (!core_.lock().try_lock(kArchiveByte, platform::RangeLock::Hold::exclusive)) return false;
  auto segment = *oldest;
  auto done = write_archive(*database, segment);
  if (done) done = record_archive(segment);
  core_.lock().unlock(kArchiveByte);
  TRY(std::move(done));
  return true;
}

Result<void> AuditKeeper::write_archive(store::Database& database, Segment& segment) {
  const auto keys = core_.copy_of_memory().keys;
  if (!keys) return vault_unavailable("vault_locked", "vault locked");
  TRY_ASSIGN(
      auto file,
      SegmentWriter::begin(core_.root(),
                           {keys->vault_id(), segment.first, segment.last, segment.previous_hash}));
  auto reached = segment.first - 1;
  auto hash = segment.previous_hash;
  while (reached < segment.last) {
    TRY_ASSIGN(const auto rows, audit::rows_after(database, reached, segment.last, kPage));
    for (const auto& stored : rows) {
      // A chain that does not hold stays where it is, for whoever looks into it.
      const auto* key = keys->audit_key(stored.row.epoch);
      if (stored.row.seq != ++reached || key == nullptr ||
          audit::chain_hash(*key, hash, keys->vault_id(), stored.row) != stored.hash) {
        return vault_unavailable("row_integrity",
                                 "row integrity check failed: audit/" + std::to_string(reached));
      }
      hash = stored.hash;
      TRY(file.add(stored));
    }
    if (rows.empty() || writer_.commits().is_stopped()) {
      return vault_unavailable("row_integrity",
                               "row integrity check failed: audit/" + std::to_string(reached + 1));
    }
  }
  segment.file = segment.id() + ".jsonl";
  segment.archived = true;
  TRY_ASSIGN(segment.file_hash, file.finish(segment.file));
  return {};
}

Result<void> AuditKeeper::record_archive(const Segment& segment) {
  return writer_.exclusive([&](Core& core, store::Database& database) -> Result<void> {
    TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
    TRY(core.catch_up(database));
    Draft draft(database, core, wall_clock());
    RowReader rows(database, draft);
    TRY_ASSIGN(const auto row, rows.find(store::Table::audit_segments, segment.id()));
    if (!row || segment_from(*row).archived) return {};  // Another process was faster.
    TRY(draft.put(store::Table::audit_segments, to_row(segment), nullptr));
    audit::Event event;
    event.kind = "audit.archive";
    event.actor = "daemon";
    event.note = "rows " + segment.id() + ", file " + segment.file + ", hash " +
                 hex(bytes_of(crypto::view(segment.file_hash)));
    TRY(draft.finish({event}));
    return publish(core, draft, std::move(transaction));
  });
}

// Rows that are in an archive, which every reader looks for there. In steps, so that calls come
// between.
Result<bool> AuditKeeper::trim(std::int64_t up_to) {
  if (up_to == 0) return false;
  TRY_ASSIGN(auto* const mine, database());
  TRY_ASSIGN(const auto first, audit::rows_after(*mine, 0, up_to, 1));
  if (first.empty()) return false;
  const auto last = std::min(first.front().row.seq + kTrimRows - 1, up_to);
  TRY(writer_.exclusive([&](Core&, store::Database& database) -> Result<void> {
    TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
    TRY(store::Statement(database, "DELETE FROM audit WHERE seq <= ?1", last).run());
    return transaction.commit();
  }));
  return true;
}

}  // namespace aivault::vault
