// Caller headers: which headers of a caller go upstream. Framing and hop-by-hop names are dropped;
// credentials, overrides of method or URL, and account selectors are refused.
// Thread: any. Source: RFC 9110 7.6.1; docs/policy.md.
// Errors: policy_violation auth_header_rejected | duplicate_header, invalid_request header_syntax.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "http/message.h"
#include "policy/decide.h"

namespace aivault::policy {

enum class RangePolicy : std::uint8_t { drop, keep };  // `range` and `if-range`.

// Kept headers in order, names in lower case. accept-encoding, last, names what was asked for and
// can be decoded; it is left out where nothing was.
Result<http::Headers> keep_caller_headers(const http::Headers& headers,
                                          const CredentialPolicy& credential,
                                          RangePolicy range);

}  // namespace aivault::policy
