// AuthSpec: how a credential goes into a request. Holds no secret.
// Thread: any. Source: the auth forms of docs/credentials.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

// A header (its name in lower case) or a query parameter, filled from the fields of a secret.
struct FieldTemplate {
  std::string name;
  std::string value_template;
  bool operator==(const FieldTemplate&) const = default;
};
struct MultiHeaderAuth {
  std::vector<FieldTemplate> headers;
  bool operator==(const MultiHeaderAuth&) const = default;
};
struct MultiQueryAuth {
  std::vector<FieldTemplate> params;
  bool operator==(const MultiQueryAuth&) const = default;
};

enum class HmacAlgorithm : std::uint8_t { sha1, sha256, sha384, sha512 };
enum class HmacPayload : std::uint8_t { canonical, body, timestamp };
struct HmacAuth {
  HmacAlgorithm algorithm = HmacAlgorithm::sha256;
  std::string header_name = "x-signature";
  std::string value_template = "sha256={{signature}}";  // Also knows {{timestamp}}.
  HmacPayload payload = HmacPayload::canonical;
  bool operator==(const HmacAuth&) const = default;
};

struct AwsSigV4Auth {
  std::string service = "s3";
  std::string region = "us-east-1";  // Only where neither host nor secret names one.
  bool operator==(const AwsSigV4Auth&) const = default;
};

struct MtlsAuth {
  bool operator==(const MtlsAuth&) const = default;
};

enum class JwtAlgorithm : std::uint8_t { rs256, es256, eddsa };
struct JwtClaim {
  std::string name;
  std::string json;  // The value as compact JSON; a string is a field template.
  bool operator==(const JwtClaim&) const = default;
};
struct JwtAuth {
  JwtAlgorithm algorithm = JwtAlgorithm::rs256;
  std::string audience, issuer, subject;  // Field templates; empty: from the secret, or left out.
  std::vector<std::string> scopes;
  int ttl_seconds = 300;
  std::vector<JwtClaim> claims;  // Sorted by name.
  std::string header_name = "authorization";
  std::string value_template = "Bearer {{jwt}}";
  bool operator==(const JwtAuth&) const = default;
};

// json_exchange (provider files only) posts the fields of the secret as JSON.
enum class GrantType : std::uint8_t {
  refresh_token,
  client_credentials,
  account_credentials,
  jwt_bearer,
  json_exchange
};
enum class ClientAuth : std::uint8_t { automatic, basic, body, none };
enum class RequestFormat : std::uint8_t { form, json };
struct OAuth2Auth {
  GrantType grant_type = GrantType::refresh_token;
  // May hold {{tenantId}} and {{host}}; empty: the secret names it.
  std::string token_endpoint;
  std::vector<std::string> scopes;
  ClientAuth client_auth = ClientAuth::automatic;
  RequestFormat request_format = RequestFormat::form;
  std::vector<std::pair<std::string, std::string>> extra_params;  // Sorted by name.
  int default_ttl_s = 3600;           // The life of a token whose answer names none.
  std::optional<JwtAuth> assertion;   // Of the jwt_bearer grant.
  std::vector<FieldTemplate> inject;  // Empty: authorization: Bearer <access token>.
  bool operator==(const OAuth2Auth&) const = default;
};

struct GithubAppAuth {
  std::string installation_id;  // Empty: the secret names it.
  bool operator==(const GithubAppAuth&) const = default;
};

using AuthSpec = std::variant<HeaderAuth,
                              PathAuth,
                              QueryAuth,
                              BasicAuth,
                              MultiHeaderAuth,
                              MultiQueryAuth,
                              HmacAuth,
                              AwsSigV4Auth,
                              MtlsAuth,
                              JwtAuth,
                              OAuth2Auth,
                              GithubAppAuth>;

// Provider files name an `endpoint` of theirs where stored records have a URL (it is then what
// token_endpoint holds), and may set fields that stored records cannot.
enum class AuthForm : std::uint8_t { stored, file };

// Tag form or {"type": ...} form, snake_case or camelCase; runs the creation checks.
// Errors: invalid_request record_invalid, policy_violation auth_config ("unknown auth.type '<x>'").
Result<AuthSpec> parse_auth(const json::Value& value, AuthForm form = AuthForm::stored);
json::Value to_json(const AuthSpec& spec);         // The stored and printed tag form.
std::string_view auth_word(const AuthSpec& spec);  // "header", "multi-header", "oauth2", ...

// Names of headers and query parameters that this spec sets ("authorization"; "api_key").
std::vector<std::string> managed_headers(const AuthSpec& spec);
std::vector<std::string> managed_parameters(const AuthSpec& spec);

// The header of the time that hmac auth signs in timestamp mode.
inline constexpr std::string_view kTimestampHeader = "x-timestamp";

}  // namespace aivault::registry
