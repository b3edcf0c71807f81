// check_response_head: refuses every response head of an upstream that two parsers could read
// differently, before the real parser sees it. Pure.
// Source: RFC 9112. Errors: upstream_unreachable protocol.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace aivault::upstream {

constexpr std::size_t kMaxResponseHead = std::size_t{64} << 10U;
constexpr std::size_t kMaxResponseHeaders = 100;

// What may already be said about the beginning of a head; `received` may be incomplete.
Result<void> check_response_start(std::string_view received);

// `head`: everything up to and including the empty line. Bare CR or LF, folded lines, white space
// before a colon, control bytes, several Content-Length or Transfer-Encoding, both together, a
// transfer coding other than one "chunked": refused.
Result<void> check_response_head(std::string_view head);

}  // namespace aivault::upstream
