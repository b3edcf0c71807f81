// Caller headers: which headers of a caller go upstream, which are dropped without a word, and
// which refuse the call.
// Thread: any. Source: RFC 9110 5.6.2 and 7.6.1; docs/policy.md.
// Errors: policy_violation auth_header_rejected | duplicate_header, invalid_request header_syntax.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace aivault::policy {

struct HeaderRules {
  std::span<const std::string> injected;         // By the chosen credential, lower case.
  std::span<const std::string> request_headers;  // Selectors that this provider's callers may send.
  bool range_allowed = false;
  bool multipart = false;  // The broker sets content-type.
};

// Names in lower case, values as they came, order kept.
Result<http::Headers> keep_caller_headers(const http::Headers& headers, const HeaderRules& rules);

// Dropped on either leg: framing, hop-by-hop, forwarding, broker's own. `name` in lower case.
bool is_connection_bound(std::string_view name);
// The names that a connection header lists, in lower case.
std::vector<std::string> listed_by_connection(const http::Headers& headers);

}  // namespace aivault::policy
