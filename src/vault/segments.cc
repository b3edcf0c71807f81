#include "vault/segments.h"

#include <algorithm>

#include "audit/log.h"
#include "store/statement.h"

namespace aivault::vault {
namespace {

using store::Statement;

constexpr auto kMaxAge = std::chrono::days(30);

}  // namespace

store::Row to_row(const Segment& segment) {
  using store::Field;
  const auto hash_field = [](const crypto::Hash& hash) {
    return store::blob_field(std::string(crypto::view(hash)));
  };
  return {store::text_field(segment.id()),
          Field(segment.first),
          Field(segment.last),
          Field(segment.last - segment.first + 1),
          Field(to_int(segment.first_at)),
          Field(to_int(segment.last_at)),
          hash_field(segment.previous_hash),
          hash_field(segment.last_hash),
          store::text_field(segment.archived ? "archived" : "sealed"),
          segment.archived ? store::text_field(segment.file) : Field(),
          segment.archived ? hash_field(segment.file_hash) : Field()};
}

Segment segment_from(const store::Row& row) {
  Segment segment;
  segment.first = store::integer_of(row[1]);
  segment.last = store::integer_of(row[2]);
  segment.first_at = from_int(store::integer_of(row[4]));
  segment.last_at = from_int(store::integer_of(row[5]));
  segment.previous_hash = crypto::hash_from(store::blob_of(row[6]));
  segment.last_hash = crypto::hash_from(store::blob_of(row[7]));
  segment.archived = store::text_of(row[8]) == "archived";
  if (segment.archived) {
    segment.file = store::optional_text_of(row[9]).value_or("");
    segment.file_hash = crypto::hash_from(store::blob_of(row[10]));
  }
  return segment;
}

Result<std::vector<Segment>> load_segments(RowReader& rows, std::vector<Problem>& damaged) {
  TRY_ASSIGN(const auto stored, rows.all(store::Table::audit_segments, damaged));
  std::vector<Segment> segments;
  segments.reserve(stored.size());
  for (const auto& row : stored) segments.push_back(segment_from(row));
  std::ranges::sort(segments, {}, &Segment::first);
  return segments;
}

std::int64_t archived_up_to(const std::vector<Segment>& segments) {
  std::int64_t last = 0;
  for (const auto& segment : segments) {
    if (segment.archived) last = std::max(last, segment.last);
  }
  return last;
}

Result<void> Sealer::look(store::Database& database, std::int64_t head) {
  Statement newest(database, "SELECT last_seq FROM audit_segments ORDER BY first_seq DESC LIMIT 1");
  sealed_up_to_ = 0;
  TRY(store::first_row(newest, [&](const Statement& row) { sealed_up_to_ = row.integer(0); }));
  TRY_ASSIGN(const auto first, audit::rows_after(database, sealed_up_to_, head, 1));
  if (!first.empty()) open_since_ = from_int(first.front().row.ts_ms);
  return {};
}

bool Sealer::is_due(std::int64_t head, UnixMs now) const {
  return open_since_ && (head - sealed_up_to_ >= limits_.rows || now - *open_since_ >= kMaxAge) &&
         head > sealed_up_to_;
}

Result<bool> Sealer::seal_due(store::Database& database, Draft& draft) {
  const auto head = draft.state().audit_seq;
  const bool known = open_since_.has_value();
  if (!known) TRY(look(database, head));
  if (!is_due(head, draft.now())) return false;
  if (known) TRY(look(database, head));  // Another process may have done it.
  if (!is_due(head, draft.now())) return false;
  Segment segment;
  segment.first = sealed_up_to_ + 1;
  segment.last = std::min(head, sealed_up_to_ + limits_.rows);
  const auto one = [&](std::int64_t seq) -> Result<audit::StoredRow> {
    TRY_ASSIGN(auto rows, audit::rows_after(database, seq - 1, seq, 1));
    if (rows.empty()) {
      return vault_unavailable("damaged", "vault damaged: audit row " + std::to_string(seq));
    }
    return std::move(rows.front());
  };
  TRY_ASSIGN(const auto first, one(segment.first));
  TRY_ASSIGN(const auto last, one(segment.last));
  segment.first_at = from_int(first.row.ts_ms);
  segment.last_at = from_int(last.row.ts_ms);
  segment.last_hash = last.hash;
  if (segment.first > 1) {
    Statement before(
        database, "SELECT last_hash FROM audit_segments WHERE last_seq = ?1", segment.first - 1);
    TRY(store::first_row(before, [&](const Statement& row) {
      segment.previous_hash = crypto::hash_from(row.blob(0));
    }));
  }
  TRY(draft.put(store::Table::audit_segments, to_row(segment), nullptr));
  forget();  // It counts only once it is committed.
  return true;
}

}  // namespace aivault::vault
