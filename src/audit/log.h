// log: the audit rows of a database: append, query, verify. Nothing updates or removes one.
// Thread: that of the database. Errors: those of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.h"
#include "audit/event.h"
#include "base/result.h"
#include "store/database.h"

namespace aivault::audit {

Result<void> append(store::Database& database, const Row& row, const crypto::Hash& hash);

// A row as it is stored.
struct StoredRow {
  Row row;
  crypto::Hash hash{};
};
// In order, from the one after `above` to `last`; at most `limit`.
Result<std::vector<StoredRow>> rows_after(store::Database& database,
                                          std::int64_t above,
                                          std::int64_t last,
                                          std::size_t limit);
Record record_of(const Row& row);

// Of the rows in the database; archives are read above (vault/history.h).
Result<std::vector<Record>> query(store::Database& database, const Filter& filter);

struct Newest {
  std::int64_t seq = 0;  // 0: there is no row.
  crypto::Hash hash{};
};
Result<Newest> newest(store::Database& database);

// Calls of the rows from `first` to `last`: those that began and have no end among them.
Result<std::vector<Event>> unfinished_calls(store::Database& database,
                                            std::int64_t first,
                                            std::int64_t last);
// Is the last thing said of recording calls that it stopped?
Result<bool> calls_are_off(store::Database& database);
// Was anything but the vault itself ever changed?
Result<bool> has_history(store::Database& database);

struct Chain {
  std::string_view vault_id;
  std::int64_t head_seq = 0;  // What the vault's state says of the newest row.
  crypto::Hash head_hash;
  std::function<const Secret*(std::int64_t epoch)> key;  // nullptr: unknown epoch.
};

// Recomputes a chain, row by row in order.
class ChainCheck {
 public:
  ChainCheck(const Chain& chain, const std::optional<Head>& given);

  // The row with that number must have that hash (0: the start of the chain).
  void expect(std::int64_t seq, const crypto::Hash& hash);
  void take(const Row& row, const crypto::Hash& stored);
  // The rows up to `last`, whose hash is known, are not there.
  void skip(std::string what, std::int64_t last, const crypto::Hash& hash);
  void note_missing(std::string what) { result_.missing.push_back(std::move(what)); }
  void note_bad(std::int64_t seq);
  std::int64_t next() const { return next_; }
  bool has_bad() const { return result_.first_bad_seq.has_value(); }
  // `archived`: how many of the rows were.
  Verification finish(std::int64_t archived);

 private:
  const Chain& chain_;
  const std::optional<Head>& given_;
  Verification result_;
  crypto::Hash previous_{};
  std::int64_t next_ = 1;
  bool given_found_;
  std::map<std::int64_t, crypto::Hash> expected_;
};
// Takes the rows of the database that come after `above`.
Result<void> check_rows(store::Database& database, std::int64_t above, ChainCheck& check);

}  // namespace aivault::audit
