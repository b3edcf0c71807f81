#include "base/error.h"

namespace aivault {
namespace {

struct Names {
  std::string_view wire;
  std::string_view text;
};

Names names_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::policy_violation: return {"policy_violation", "PolicyViolation"};
    case ErrorCode::capability_not_found: return {"capability_not_found", "CapabilityNotFound"};
    case ErrorCode::credential_not_found: return {"credential_not_found", "CredentialNotFound"};
    case ErrorCode::credential_ambiguous: return {"credential_ambiguous", "CredentialAmbiguous"};
    case ErrorCode::vault_unavailable: return {"vault_unavailable", "VaultUnavailable"};
    case ErrorCode::auth_failed: return {"auth_failed", "AuthFailed"};
    case ErrorCode::oauth_refresh_required:
      return {"oauth_refresh_required", "OauthRefreshRequired"};
    case ErrorCode::upstream_unreachable: return {"upstream_unreachable", "UpstreamUnreachable"};
    case ErrorCode::token_invalid: return {"token_invalid", "TokenInvalid"};
    case ErrorCode::invalid_request: return {"invalid_request", "InvalidRequest"};
    case ErrorCode::operator_auth_required:
      return {"operator_auth_required", "OperatorAuthRequired"};
  }
  return {"vault_unavailable", "VaultUnavailable"};
}

}  // namespace

std::string_view to_string(ErrorCode code) { return names_of(code).wire; }
std::string_view text_name(ErrorCode code) { return names_of(code).text; }

}  // namespace aivault
