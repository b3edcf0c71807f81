// pending: refusals that happen while no audit key is in memory (a vault that was not unlocked
// yet). They wait in the database, outside of the chain and so unprotected, until a process with
// the keys appends them to the chain.
// Thread: that of the database. Errors: those of the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "store/database.h"

namespace aivault::vault {

inline constexpr std::int64_t kMaxPending = 10'000;  // Rows; beyond it one row counts.

// In a transaction of its own. Events that differ in no more than process, request and time
// become one row with a count.
Result<void> add_pending(store::Database& database, const std::vector<audit::Event>& events);

struct Pending {
  std::vector<audit::Event> events;  // In the order they came, marked as late.
  std::int64_t last_id = 0;          // Of the rows that they were.
};
// The oldest `limit` of them; empty when nothing waits. Cheap then.
Result<Pending> load_pending(store::Database& database, std::size_t limit);
// Within the transaction that appends them to the chain.
Result<void> remove_pending(store::Database& database, std::int64_t last_id);

// Those that pass the filter, newest first, as records that are not sealed. They are numbered as
// if they were appended behind `head`, the last number of the chain.
Result<std::vector<audit::Record>> query_pending(store::Database& database,
                                                 std::int64_t head,
                                                 const audit::Filter& filter);

}  // namespace aivault::vault
