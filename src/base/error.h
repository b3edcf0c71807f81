// Error: what went wrong, as one code and reason for programs and one sentence for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aivault {

// Enumerators are spelled exactly as they travel on the wire.
enum class ErrorCode : std::uint8_t {
  policy_violation,
  capability_not_found,
  credential_not_found,
  credential_ambiguous,
  vault_unavailable,
  auth_failed,
  oauth_refresh_required,
  upstream_unreachable,
  token_invalid,
  invalid_request,
  operator_auth_required,
};

std::string_view to_string(ErrorCode code);  // "policy_violation"
std::string_view text_name(ErrorCode code);  // "PolicyViolation"

struct Error {
  ErrorCode code;
  std::string reason;     // Sub-code such as "method_not_allowed"; may be empty.
  std::string message;    // Shown to callers: never holds secret bytes.
  int retry_after_s = 0;  // Seconds; 0: not stated.
};

}  // namespace aivault
