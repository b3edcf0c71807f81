#include "audit/log.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/encoding.h"
#include "store/statement.h"

namespace aivault::audit {
namespace {

using store::BlobView;
using store::Statement;

// The text of a member of a body that this module wrote, if it needs no unescaping.
std::string_view member_text(std::string_view body, std::string_view opening) {
  const auto at = body.find(opening);
  if (at == std::string_view::npos) return {};
  const auto text = body.substr(at + opening.size());
  return text.substr(0, text.find('"'));
}

std::optional<std::int64_t> positive(const std::optional<std::int64_t>& value) {
  return value && *value > 0 ? value : std::nullopt;
}

Row row_of(const Statement& statement) {
  Row row;
  row.seq = statement.integer(0);
  row.ts_ms = statement.integer(1);
  row.kind = statement.text(2);
  row.epoch = statement.integer(3);
  if (!statement.is_null(4)) row.rev = statement.integer(4);
  if (!statement.is_null(5)) row.objects = statement.text(5);
  if (!statement.is_null(6)) row.subject = statement.text(6);
  row.body = statement.text(7);
  return row;
}

}  // namespace

Result<void> append(store::Database& database, const Row& row, const crypto::Hash& hash) {
  return Statement(database,
                   "INSERT INTO audit (seq, ts_ms, kind, epoch, rev, objects, subject, body, hash) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                   row.seq,
                   row.ts_ms,
                   row.kind,
                   row.epoch,
                   row.rev,
                   row.objects,
                   row.subject,
                   row.body,
                   BlobView{crypto::view(hash)})
      .run();
}

Record record_of(const Row& row) {
  return {row.seq, from_int(row.ts_ms), from_body(row.kind, row.body)};
}

Result<std::vector<StoredRow>> rows_after(store::Database& database,
                                          std::int64_t above,
                                          std::int64_t last,
                                          std::size_t limit) {
  std::vector<StoredRow> rows;
  Statement select(database,
                   "SELECT seq, ts_ms, kind, epoch, rev, objects, subject, body, hash FROM audit "
                   "WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
                   above,
                   last,
                   static_cast<std::int64_t>(limit));
  while (true) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) return rows;
    rows.push_back({row_of(select), crypto::hash_from(select.blob(8))});
  }
}

Result<std::vector<Record>> query(store::Database& database, const Filter& filter) {
  std::vector<Record> records;
  const auto below =
      filter.below_seq > 0 ? filter.below_seq : std::numeric_limits<std::int64_t>::max();
  Statement select(
      database,
      filter.oldest_first
          ? store::Sql("SELECT seq, ts_ms, kind, body FROM audit WHERE seq < ?1 AND seq > ?4 AND "
                       "(?2 IS NULL OR ts_ms < ?2) AND (?3 IS NULL OR ts_ms > ?3) ORDER BY seq")
          : store::Sql("SELECT seq, ts_ms, kind, body FROM audit WHERE seq < ?1 AND seq > ?4 AND "
                       "(?2 IS NULL OR ts_ms < ?2) AND (?3 IS NULL OR ts_ms > ?3) ORDER BY seq "
                       "DESC"),
      below,
      positive(filter.before_ms),
      positive(filter.after_ms),
      filter.above_seq);
  while (std::cmp_less(records.size(), filter.limit)) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) break;
    Record record{select.integer(0),
                  from_int(select.integer(1)),
                  from_body(std::string(select.text(2)), select.text(3))};
    if (accepts(filter, record)) records.push_back(std::move(record));
  }
  return records;
}

Result<Newest> newest(store::Database& database) {
  Newest newest;
  Statement select(database, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
  TRY(store::first_row(select, [&](const Statement& row) {
    newest = {row.integer(0), crypto::hash_from(row.blob(1))};
  }));
  return newest;
}

Result<std::vector<Event>> unfinished_calls(store::Database& database,
                                            std::int64_t first,
                                            std::int64_t last) {
  // Two searches a row instead of a parsed body: quotes within a value are escaped, so a value
  // cannot look like a member.
  std::map<std::string, std::int64_t, std::less<>> running;
  Statement select(database,
                   "SELECT seq, body FROM audit WHERE seq BETWEEN ?1 AND ?2 AND "
                   "kind = 'capability.invoke' ORDER BY seq",
                   first,
                   last);
  while (true) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) break;
    const auto body = select.text(1);
    const auto id = member_text(body, R"("requestId":")");
    if (id.empty()) continue;
    if (member_text(body, R"("outcome":")") == "started") {
      running.insert_or_assign(std::string(id), select.integer(0));
    } else if (const auto begun = running.find(id); begun != running.end()) {
      running.erase(begun);
    }
  }
  std::vector<Event> unfinished;
  for (const auto& [id, seq] : running) {
    Statement body(database, "SELECT body FROM audit WHERE seq = ?1", seq);
    TRY(store::first_row(body, [&](const Statement& row) {
      unfinished.push_back(from_body("capability.invoke", row.text(0)));
    }));
  }
  return unfinished;
}

Result<bool> calls_are_off(store::Database& database) {
  bool off = false;
  Statement select(
      database, "SELECT kind FROM audit WHERE subject = 'audit/calls' ORDER BY seq DESC LIMIT 1");
  TRY(store::first_row(select,
                       [&](const Statement& row) { off = row.text(0) == "audit.disabled"; }));
  return off;
}

Result<bool> has_history(store::Database& database) {
  Statement select(database,
                   "SELECT 1 FROM audit WHERE kind GLOB 'secret.*' OR kind GLOB 'credential.*' OR "
                   "kind GLOB 'capability.*' OR kind GLOB 'provider.*' OR kind GLOB 'agent.*' OR "
                   "kind GLOB 'token.*' OR kind GLOB 'oauth.*' LIMIT 1");
  return select.step();
}

ChainCheck::ChainCheck(const Chain& chain, const std::optional<Head>& given)
    : chain_(chain),
      given_(given),
      given_found_(!given || (given->seq == 0 && given->hash == std::string(64, '0'))) {}

void ChainCheck::note_bad(std::int64_t seq) {
  if (!result_.first_bad_seq || seq < *result_.first_bad_seq) result_.first_bad_seq = seq;
}

void ChainCheck::expect(std::int64_t seq, const crypto::Hash& hash) {
  if (seq == 0 && hash != crypto::Hash{}) note_bad(1);
  const auto [found, is_new] = expected_.try_emplace(seq, hash);
  if (!is_new && found->second != hash) note_bad(seq);
}

void ChainCheck::take(const Row& row, const crypto::Hash& stored) {
  ++result_.events;
  if (row.seq != next_) note_bad(std::min(next_, row.seq));
  const auto* key = chain_.key(row.epoch);
  if (key == nullptr ||
      !crypto::equal(crypto::view(chain_hash(*key, previous_, chain_.vault_id, row)),
                     crypto::view(stored))) {
    note_bad(row.seq);
  }
  if (given_ && given_->seq == row.seq)
    given_found_ = hex(bytes_of(crypto::view(stored))) == given_->hash;
  if (const auto at = expected_.find(row.seq); at != expected_.end() && at->second != stored) {
    note_bad(row.seq);
  }
  previous_ = stored;
  next_ = row.seq + 1;
}

void ChainCheck::skip(std::string what, std::int64_t last, const crypto::Hash& hash) {
  note_missing(std::move(what));
  previous_ = hash;
  next_ = last + 1;
}

Verification ChainCheck::finish(std::int64_t archived) {
  // The tail may have been cut, or rows appended by somebody without the key.
  if (next_ - 1 != chain_.head_seq) {
    note_bad(std::min(next_, chain_.head_seq + 1));
  } else if (!crypto::equal(crypto::view(previous_), crypto::view(chain_.head_hash))) {
    note_bad(next_ - 1);
  }
  if (!given_found_) note_bad(given_->seq);
  result_.archived = archived;
  result_.head_seq = chain_.head_seq;
  result_.head_hash = hex(bytes_of(crypto::view(chain_.head_hash)));
  result_.ok = !result_.first_bad_seq && result_.missing.empty();
  return std::move(result_);
}

Result<void> check_rows(store::Database& database, std::int64_t above, ChainCheck& check) {
  Statement select(database,
                   "SELECT seq, ts_ms, kind, epoch, rev, objects, subject, body, hash FROM audit "
                   "WHERE seq > ?1 ORDER BY seq",
                   above);
  while (true) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) return {};
    check.take(row_of(select), crypto::hash_from(select.blob(8)));
  }
}

}  // namespace aivault::audit
