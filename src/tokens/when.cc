#include "tokens/when.h"

#include <algorithm>
#include <chrono>

namespace aivault::tokens {

Step when(bool has_token, const Life& life, UnixMs now) {
  using std::chrono::milliseconds;
  constexpr milliseconds kMostSkew = std::chrono::seconds(300);
  constexpr milliseconds kUsable = std::chrono::seconds(10);
  if (!has_token || !life.expires) return Step::obtain;
  const auto left = *life.expires - now;
  if (left <= milliseconds(0)) return Step::obtain;
  auto skew = kMostSkew;
  if (life.obtained && *life.obtained < *life.expires) {
    skew = std::min(skew, (*life.expires - *life.obtained) / 4);
  }
  if (left > skew) return Step::use;
  return left > kUsable ? Step::renew_or_use : Step::obtain;
}

}  // namespace aivault::tokens
