// TokenRequest: what is posted to a token endpoint, as a form or as JSON. Pure.
// Thread: any. Source: RFC 6749 2.3.1, 4.4, 6; RFC 7523 2.1; docs/tokens.md.
// Errors: oauth_refresh_required setup_incomplete.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "registry/auth_spec.h"

namespace aivault::tokens {

struct TokenRequest {
  Secret body;
  std::string content_type;  // Empty: no body.
  Secret authorization;      // The value of the header; empty: none.
  std::string accept = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // Besides these; lower-case names.
};

struct Client {
  std::string_view id;  // May be empty.
  std::optional<std::string_view> secret;
  registry::ClientAuth auth = registry::ClientAuth::automatic;  // Basic if there is a secret.
};

struct FormField {
  std::string_view name, value;
};

// client_id first, then `fields` in their order.
Result<TokenRequest> make_token_request(
    const Client& client,
    std::span<const FormField> fields,
    registry::RequestFormat format = registry::RequestFormat::form);

}  // namespace aivault::tokens
