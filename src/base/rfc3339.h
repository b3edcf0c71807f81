// rfc3339: a moment as people and vendors write it, "2026-01-31T23:59:59.5+02:00".
// Thread: any. Source: RFC 3339 5.6.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace aivault {

std::optional<UnixMs> parse_rfc3339(std::string_view text);

}  // namespace aivault
