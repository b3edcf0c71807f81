#include "vault/pending.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "audit/log.h"
#include "store/statement.h"

namespace aivault::vault {
namespace {

using store::Statement;

constexpr const char* kOverflowBody =
    R"({"actor":"daemon","note":"further refusals while the vault was locked"})";

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Result<std::int64_t> count_rows(store::Database& database) {
  std::int64_t count = 0;
  Statement select(database, "SELECT count(*) FROM audit_pending");
  TRY(store::first_row(select, [&](const Statement& row) { count = row.integer(0); }));
  return count;
}

// True: there was such a row among the newest, and it counts these too. Who floods a locked vault
// with refusals makes nobody look through all that is kept.
Result<bool> repeat(store::Database& database,
                    std::string_view kind,
                    std::string_view body,
                    std::int64_t times) {
  std::optional<std::int64_t> id;
  Statement select(database,
                   "SELECT id FROM (SELECT * FROM audit_pending ORDER BY id DESC LIMIT 256) "
                   "WHERE kind = ?1 AND json_remove(body, '$.pid', '$.requestId') = "
                   "json_remove(?2, '$.pid', '$.requestId') ORDER BY id DESC LIMIT 1",
                   kind,
                   body);
  TRY(store::first_row(select, [&](const Statement& row) { id = row.integer(0); }));
  if (!id) return false;
  TRY(Statement(
          database, "UPDATE audit_pending SET repeats = repeats + ?2 WHERE id = ?1", *id, times)
          .run());
  return true;
}

Result<void> insert(store::Database& database,
                    UnixMs at,
                    std::string_view kind,
                    std::string_view body,
                    std::int64_t times) {
  return Statement(database,
                   "INSERT INTO audit_pending (ts_ms, kind, body, repeats) VALUES (?1, ?2, ?3, ?4)",
                   to_int(at),
                   kind,
                   body,
                   times)
      .run();
}

audit::Event event_of(const Statement& row) {
  auto event = audit::from_body(std::string(row.text(2)), row.text(3));
  event.at = from_int(row.integer(1));
  event.late = true;
  if (const auto repeats = row.integer(4); repeats > 1) event.count = repeats;
  return event;
}

}  // namespace

Result<void> add_pending(store::Database& database, const std::vector<audit::Event>& events) {
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
  TRY_ASSIGN(auto rows, count_rows(database));
  for (auto event : events) {
    const auto at = event.at.value_or(wall_clock());
    const auto times = std::max<std::int64_t>(event.count.value_or(1), 1);
    event.count.reset();
    std::string kind = event.kind;
    std::string body = audit::to_body(event);
    TRY_ASSIGN(bool known, repeat(database, kind, body, times));
    if (!known && rows >= kMaxPending - 1) {  // The last row is the one that counts.
      kind = "audit.gap";
      body = kOverflowBody;
      TRY_ASSIGN(known, repeat(database, kind, body, times));
    }
    if (known) continue;
    TRY(insert(database, at, kind, body, times));
    ++rows;
  }
  return transaction.commit();
}

Result<Pending> load_pending(store::Database& database, std::size_t limit) {
  Pending pending;
  Statement select(database,
                   "SELECT id, ts_ms, kind, body, repeats FROM audit_pending ORDER BY id LIMIT ?1",
                   static_cast<std::int64_t>(limit));
  while (true) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) return pending;
    pending.events.push_back(event_of(select));
    pending.last_id = select.integer(0);
  }
}

Result<void> remove_pending(store::Database& database, std::int64_t last_id) {
  return Statement(database, "DELETE FROM audit_pending WHERE id <= ?1", last_id).run();
}

Result<std::vector<audit::Record>> query_pending(store::Database& database,
                                                 std::int64_t head,
                                                 const audit::Filter& filter) {
  std::vector<audit::Record> records;
  TRY_ASSIGN(auto number, count_rows(database));
  Statement select(database,
                   "SELECT id, ts_ms, kind, body, repeats FROM audit_pending ORDER BY id DESC");
  for (; std::cmp_less(records.size(), filter.limit); --number) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) break;
    audit::Record record{head + number, from_int(select.integer(1)), event_of(select), false};
    if (audit::accepts(filter, record)) records.push_back(std::move(record));
  }
  return records;
}

}  // namespace aivault::vault
