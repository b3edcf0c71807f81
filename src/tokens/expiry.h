// Expiry: when a token ends, in any of the forms that secrets and vendors use. Pure.
// Thread: any. Source: docs/tokens.md.
#pragma once

#include <optional>

#include "base/time.h"
#include "json/value.h"

namespace aivault::tokens {

// A number of 10^11 and more is milliseconds, one below is seconds (also as text); else RFC 3339
// text. nullopt: none of these.
std::optional<UnixMs> parse_expiry(const json::Value& value);

// `moment` in the form that `like` has; milliseconds if there is none.
json::Value print_expiry(UnixMs moment, const json::Value* like);

}  // namespace aivault::tokens
