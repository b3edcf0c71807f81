// Rates: how many calls each rate window has taken in the last 60 seconds, in buckets of one second
// that the database keeps for all processes. Time only goes forward here: a clock that steps back
// frees nothing.
// Thread: that of the database, inside a writing transaction. Errors: those of the store.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/database.h"
#include "vault/vault.h"

namespace aivault::vault {

struct RateBucket {
  std::int64_t second = 0, used = 0;
};

// Whole seconds until the window has room, 1 to 60; nullopt: it has. `buckets`: oldest first. A
// bucket counts until the whole of it is more than 60 seconds ago.
std::optional<int> wait_for_room(std::span<const RateBucket> buckets,
                                 std::int64_t per_minute,
                                 UnixMs now);

class Rates {
 public:
  // Takes one unit in each window, or none: then the error says how long to wait.
  using Refused = std::optional<Error>;
  Result<Refused> take(store::Database& database, std::span<const RateUnit> units, UnixMs wall);

 private:
  using Clock = std::chrono::steady_clock;
  UnixMs advance(UnixMs wall);

  UnixMs latest_{};
  Clock::time_point latest_at_{};
};

}  // namespace aivault::vault
