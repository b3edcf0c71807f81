#include "vault/history.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <ranges>

#include "store/seals.h"
#include "vault/pending.h"
#include "vault/segment_file.h"

namespace aivault::vault {
namespace {

using Records = std::vector<audit::Record>;

std::string root_of(const store::Database& database) {
  return database.path().substr(0, database.path().rfind('/'));
}

bool may_hold(const Segment& segment, const audit::Filter& filter) {
  const auto is_set = [](const std::optional<std::int64_t>& bound) {
    return bound.value_or(0) > 0;
  };
  // Times within a segment may go back a little with the clock, so only the numbers exclude, and
  // times that are a day off.
  constexpr std::int64_t kSlack = std::int64_t{24} * 3600 * 1000;
  return (filter.below_seq <= 0 || segment.first < filter.below_seq) &&
         segment.last > filter.above_seq &&
         (!is_set(filter.before_ms) || to_int(segment.first_at) - kSlack < *filter.before_ms) &&
         (!is_set(filter.after_ms) || to_int(segment.last_at) + kSlack > *filter.after_ms);
}

// The first or the last `limit` matches of one file, in its order.
std::deque<audit::Record> matches_in(const std::string& root,
                                     const Segment& segment,
                                     const audit::Filter& filter,
                                     std::size_t limit) {
  std::deque<audit::Record> found;
  (void)read_segment(root, segment.file, [&](const audit::StoredRow& stored) {
    auto record = audit::record_of(stored.row);
    if (!audit::accepts(filter, record)) return true;
    found.push_back(std::move(record));
    if (found.size() > limit) found.pop_front();
    return !filter.oldest_first || found.size() < limit;
  });
  return found;
}

void append_archived(const std::string& root,
                     const std::vector<Segment>& segments,
                     const audit::Filter& filter,
                     Records& records) {
  const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(filter.limit, 0));
  const auto append = [&](const Segment& segment) {
    if (records.size() >= limit || !segment.archived || !may_hold(segment, filter)) return;
    auto found = matches_in(root, segment, filter, limit - records.size());
    if (!filter.oldest_first) std::ranges::reverse(found);
    std::ranges::move(found, std::back_inserter(records));
  };
  if (filter.oldest_first) {
    std::ranges::for_each(segments, append);
  } else {
    std::ranges::for_each(segments | std::views::reverse, append);
  }
}

Result<void> append_stored(store::Database& database,
                           const audit::Filter& filter,
                           std::int64_t archived,
                           Records& records) {
  auto rest = filter;
  rest.limit -= static_cast<std::int64_t>(records.size());
  rest.above_seq = std::max(rest.above_seq, archived);
  TRY_ASSIGN(auto found, audit::query(database, rest));
  std::ranges::move(found, std::back_inserter(records));
  return {};
}

// One archive through the check. How many rows it had.
std::int64_t check_archive(const std::string& root,
                           const Segment& segment,
                           const std::string& vault_id,
                           audit::ChainCheck& check,
                           const std::function<bool()>& goes_on) {
  if (segment.first != check.next()) check.note_bad(std::min(segment.first, check.next()));
  const bool was_bad = check.has_bad();
  std::int64_t rows = 0;
  const auto file = read_segment(root, segment.file, [&](const audit::StoredRow& stored) {
    ++rows;
    check.take(stored.row, stored.hash);
    return !goes_on || goes_on();
  });
  if (!file) {
    check.skip(segment.file, segment.last, segment.last_hash);
    return 0;
  }
  if (check.next() != segment.last + 1) check.note_bad(check.next());
  const audit::ArchiveHead head{vault_id, segment.first, segment.last, segment.previous_hash};
  const bool is_whole = file->complete && file->hash == segment.file_hash && file->head == head;
  // Something was changed that no row shows: the file as such is bad.
  if (!is_whole && (was_bad || !check.has_bad())) check.note_bad(segment.first);
  return rows;
}

}  // namespace

Result<Records> query_history(RowReader& rows, const audit::Filter& filter) {
  auto& database = rows.database();
  std::vector<Problem> damaged;
  TRY_ASSIGN(const auto segments, load_segments(rows, damaged));
  const auto archived = archived_up_to(segments);
  const auto root = root_of(database);
  Records records;
  if (filter.oldest_first) {
    append_archived(root, segments, filter, records);
    TRY(append_stored(database, filter, archived, records));
    return records;
  }
  TRY_ASSIGN(const auto state, store::load_state(database));
  if (!filter.sealed_only) {
    TRY_ASSIGN(records, query_pending(database, state.audit_seq, filter));
  }
  TRY(append_stored(database, filter, archived, records));
  append_archived(root, segments, filter, records);
  return records;
}

Result<audit::Verification> verify_history(RowReader& rows,
                                           const audit::Chain& chain,
                                           const std::optional<audit::Head>& given,
                                           const std::function<bool()>& goes_on) {
  auto& database = rows.database();
  audit::ChainCheck check(chain, given);
  std::vector<Problem> damaged;
  TRY_ASSIGN(const auto segments, load_segments(rows, damaged));
  for (const auto& problem : damaged) check.note_missing("audit_segments/" + problem.id);
  for (const auto& segment : segments) {
    check.expect(segment.first - 1, segment.previous_hash);
    check.expect(segment.last, segment.last_hash);
  }
  std::int64_t archived = 0;
  for (const auto& segment : segments) {
    if (!segment.archived) continue;
    archived +=
        check_archive(root_of(database), segment, std::string(chain.vault_id), check, goes_on);
    if (goes_on && !goes_on()) return vault_unavailable("busy", "vault busy: broken off");
  }
  TRY(audit::check_rows(database, archived_up_to(segments), check));
  return check.finish(archived);
}

}  // namespace aivault::vault
