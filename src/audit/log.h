// log: the audit rows of a database: append, query, verify. Nothing updates or removes one.
// Thread: that of the database. Errors: those of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "audit/chain.h"
#include "audit/event.h"
#include "base/result.h"
#include "store/database.h"

namespace aivault::audit {

Result<void> append(store::Database& database, const Row& row, const crypto::Hash& hash);

// Newest first.
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
// Was anything but the vault itself ever changed?
Result<bool> has_history(store::Database& database);

struct Chain {
  std::string_view vault_id;
  std::int64_t head_seq = 0;  // What the vault's state says of the newest row.
  crypto::Hash head_hash;
  std::function<const Secret*(std::int64_t epoch)> key;  // nullptr: unknown epoch.
};
Result<Verification> verify(store::Database& database,
                            const Chain& chain,
                            const std::optional<Head>& given);

}  // namespace aivault::audit
