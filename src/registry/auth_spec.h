// AuthSpec: how a credential goes into a request. Holds no secret.
// Thread: any. Source: the auth forms of docs/credentials.md.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace aivault::registry {

struct HeaderAuth {
  std::string header_name = "authorization";  // Lower case.
  std::string value_template = "Bearer {{secret}}";
  bool operator==(const HeaderAuth&) const = default;
};
struct PathAuth {
  std::string prefix_template = "/bot{{secret}}";
  bool operator==(const PathAuth&) const = default;
};
struct QueryAuth {
  std::string param_name = "api_key";
  bool operator==(const QueryAuth&) const = default;
};
struct BasicAuth {
  std::string username_template = "{{username}}";
  std::string password_template = "{{password}}";
  bool templated = false;  // false: stored and printed as the string "basic".
  bool operator==(const BasicAuth&) const = default;
};
using AuthSpec = std::variant<HeaderAuth, PathAuth, QueryAuth, BasicAuth>;

// Tag form or {"type": ...} form, snake_case or camelCase; runs the creation checks.
// Errors: invalid_request record_invalid, policy_violation auth_config ("unknown auth.type '<x>'").
Result<AuthSpec> parse_auth(const json::Value& value);
json::Value to_json(const AuthSpec& spec);         // The stored and printed tag form.
std::string_view auth_word(const AuthSpec& spec);  // "header", "path", "query", "basic"

// Names of headers and query parameters that this spec sets ("authorization"; "api_key").
std::vector<std::string> managed_headers(const AuthSpec& spec);
std::vector<std::string> managed_parameters(const AuthSpec& spec);

}  // namespace aivault::registry
