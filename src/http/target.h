// Target: a request path and query that are checked once and sent byte for byte as checked.
// Thread: any. Source: the path algorithm of docs/policy.md (RFC 3986, WHATWG URL as the attacker).
// Errors: invalid_request field_required (blank) | path_syntax | query_encoding, policy_violation
// path_traversal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aivault::http {

struct QueryPiece {
  std::string wire;   // As sent: "a=b%20c", "flag".
  std::string name;   // Form-decoded once, for checks only.
  std::string value;  // Form-decoded once, for checks only.
};

class Target {
 public:
  const std::string& path() const { return path_; }  // Wire form P.
  const std::vector<QueryPiece>& query() const { return query_; }
  std::string wire() const;  // P, or P?a&b. Never a bare '?'.

 private:
  friend Result<Target> parse_target(std::string_view raw);
  Target() = default;
  std::string path_;
  std::vector<QueryPiece> query_;
};

// The only way to a Target: steps 1 to 6 and 8 of the algorithm. Sizes: path 8 KiB, query 32 KiB.
Result<Target> parse_target(std::string_view raw);

// A capability prefix or upstreamPathPrefix, as stored. Errors: invalid_request path_syntax
// "invalid path prefix ...".
Result<void> check_prefix(std::string_view prefix);

// For the comparison of broker-managed names: fully percent-decoded (4 rounds), ASCII case-folded.
std::string fold_parameter_name(std::string_view raw);

}  // namespace aivault::http
