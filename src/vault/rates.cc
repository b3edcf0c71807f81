#include "vault/rates.h"

#include <algorithm>
#include <string>
#include <utility>

#include "store/statement.h"
#include "vault/rate_refusal.h"

namespace aivault::vault {
namespace {

constexpr std::int64_t kWindow = 60;  // Seconds.
constexpr std::int64_t kMs = 1000;

std::int64_t second_of(UnixMs time) { return to_int(time) / kMs; }

Result<std::vector<RateBucket>> read_buckets(store::Database& database,
                                             const std::string& window,
                                             std::int64_t from) {
  std::vector<RateBucket> buckets;
  store::Statement rows(
      database,
      "SELECT second, used FROM rate_buckets WHERE id = ?1 AND second >= ?2 ORDER BY second",
      window,
      from);
  while (true) {
    TRY_ASSIGN(const bool found, rows.step());
    if (!found) return buckets;
    buckets.push_back({rows.integer(0), rows.integer(1)});
  }
}

Result<void> add_one(store::Database& database, const std::string& window, std::int64_t second) {
  TRY(store::Statement(database,
                       "DELETE FROM rate_buckets WHERE id = ?1 AND second < ?2",
                       window,
                       second - kWindow)
          .run());
  return store::Statement(database,
                          "INSERT INTO rate_buckets (id, second, used) VALUES (?1, ?2, 1) "
                          "ON CONFLICT (id, second) DO UPDATE SET used = used + 1",
                          window,
                          second)
      .run();
}

}  // namespace

std::optional<int> wait_for_room(std::span<const RateBucket> buckets,
                                 std::int64_t per_minute,
                                 UnixMs now) {
  if (per_minute <= 0) return int{kWindow};
  const auto oldest = second_of(now) - kWindow;
  std::int64_t used = 0;
  for (const auto& bucket : buckets) used += bucket.second >= oldest ? bucket.used : 0;
  if (used < per_minute) return std::nullopt;
  auto frees = second_of(now);
  for (const auto& bucket : buckets) {
    if (bucket.second < oldest) continue;
    used -= bucket.used;
    frees = bucket.second + kWindow + 1;
    if (used < per_minute) break;
  }
  const auto wait = (frees * kMs - to_int(now) + kMs - 1) / kMs;
  return static_cast<int>(std::clamp<std::int64_t>(wait, 1, kWindow));
}

// The clock of this computer, or since it stepped back the time that has passed.
UnixMs Rates::advance(UnixMs wall) {
  const auto at = Clock::now();
  if (latest_ != UnixMs()) {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(at - latest_at_);
    wall = std::max(wall, latest_ + passed);
  }
  latest_ = wall;
  latest_at_ = at;
  return wall;
}

Result<Rates::Refused> Rates::take(store::Database& database,
                                   std::span<const RateUnit> units,
                                   UnixMs wall) {
  auto now = advance(wall);
  for (const auto& unit : units) {
    TRY_ASSIGN(const auto buckets, read_buckets(database, unit.window, second_of(now) - kWindow));
    if (!buckets.empty() && buckets.back().second > second_of(now)) {
      // Another process, or this one before it was restarted, has seen a later time.
      now = advance(from_int(buckets.back().second * kMs));
    }
    if (const auto wait = wait_for_room(buckets, unit.per_minute, now)) {
      return Refused(rate_refusal(unit.window, *wait));
    }
  }
  for (const auto& unit : units) TRY(add_one(database, unit.window, second_of(now)));
  return Refused();
}

}  // namespace aivault::vault
