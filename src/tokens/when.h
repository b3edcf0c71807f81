// when: whether the token at hand is good for a call, or another one must be had first. Pure.
// Thread: any. Source: docs/tokens.md.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace aivault::tokens {

struct Life {
  std::optional<UnixMs> obtained, expires;  // Without an expiry a token counts as expired.
};

enum class Step : std::uint8_t {
  use,           // Long enough to live.
  renew_or_use,  // Soon over: another one if it can be had.
  obtain,        // None, over, or nearly so.
};

Step when(bool has_token, const Life& life, UnixMs now);

}  // namespace aivault::tokens
