#include "registry/auth_checks.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "base/text.h"
#include "http/message.h"
#include "registry/header_names.h"
#include "registry/template.h"

namespace aivault::registry {
namespace {

constexpr std::string_view kSecretField = "{{secret}}";
constexpr int kLongestTtl = 3600;  // Seconds.

tl::unexpected<Error> malformed(std::string message) {
  return invalid_request("record_invalid", std::move(message));
}
tl::unexpected<Error> refused(std::string message) {
  return policy_violation("auth_config", std::move(message));
}

Result<void> check_text(std::string_view word, std::string_view field, std::string_view text) {
  const std::string what = std::string(word) + " auth " + std::string(field);
  if (has_control(text)) return malformed(what + " contains a control character");
  if (!is_valid_utf8(text)) return malformed(what + " must be UTF-8");
  return {};
}

Result<void> check_template(std::string_view word, std::string_view field, std::string_view text) {
  TRY(check_text(word, field, text));
  TRY(placeholders_of(text));
  return {};
}

Result<void> check_header_name(std::string_view word, std::string_view name) {
  const std::string quoted = "'" + quote_for_message(name) + "'";
  if (!http::is_token(name)) return malformed("invalid header name " + quoted);
  if (is_broker_header(name)) {
    return malformed(std::string(word) + " auth cannot set " + quoted + ": the broker manages it");
  }
  return {};
}

Result<void> check_header_value(std::string_view word, std::string_view text) {
  TRY(check_text(word, "valueTemplate", text));
  if (!http::is_field_value(text)) {
    return malformed(std::string(word) + " auth valueTemplate must be visible ASCII");
  }
  return {};
}

// Headers that are filled from fields; `word` names the kind.
Result<void> check_headers(std::string_view word, const std::vector<FieldTemplate>& headers) {
  const std::string prefix = std::string(word) + " auth ";
  std::set<std::string> seen;
  for (const auto& header : headers) {
    if (header.name.empty()) return refused(prefix + "requires non-empty headerName");
    TRY(check_header_name(word, header.name));
    if (!seen.insert(to_lower(header.name)).second) {
      return refused(prefix + "cannot include duplicate header names");
    }
    if (trim(header.value_template).empty()) {
      return refused(prefix + "requires non-empty valueTemplate");
    }
    TRY(check_header_value(word, header.value_template));
    TRY(placeholders_of(header.value_template));
  }
  return {};
}

// A header that is filled with what was made from the secret.
Result<void> check_made_header(std::string_view word,
                               std::string_view name,
                               std::string_view text,
                               std::span<const std::string_view> known) {
  const std::string prefix = std::string(word) + " auth ";
  if (name.empty()) return malformed(prefix + "requires non-empty headerName");
  TRY(check_header_name(word, name));
  if (trim(text).empty()) return malformed(prefix + "requires non-empty valueTemplate");
  TRY(check_header_value(word, text));
  TRY_ASSIGN(const auto names, placeholders_of(text));
  for (const auto& field : names) {
    if (std::ranges::find(known, std::string_view(field)) == known.end()) {
      return malformed(prefix + "valueTemplate cannot use {{" + quote_for_message(field) + "}}");
    }
  }
  if (std::ranges::find(names, known.front()) == names.end()) {
    return malformed(prefix + "valueTemplate must contain {{" + std::string(known.front()) + "}}");
  }
  return {};
}

// Names of AWS services and regions, such as "execute-api" or "us-east-1".
bool is_aws_word(std::string_view text) {
  return text.size() <= 64 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_';
         });
}

Result<void> check_scopes(std::string_view word, const std::vector<std::string>& scopes) {
  for (const auto& scope : scopes) {
    const bool good = std::ranges::all_of(scope, [](char c) { return c > ' ' && c <= '~'; });
    if (scope.empty() || !good) {
      return malformed(std::string(word) + " auth scopes must be visible ASCII without spaces");
    }
  }
  return {};
}

}  // namespace

Result<void> check(const HeaderAuth& auth) {
  if (auth.header_name.empty()) return malformed("header auth requires non-empty headerName");
  TRY(check_header_name("header", auth.header_name));
  if (trim(auth.value_template).empty()) {
    return malformed("header auth requires non-empty valueTemplate");
  }
  TRY(check_header_value("header", auth.value_template));
  if (auth.value_template.find(kSecretField) == std::string::npos) {
    return malformed("header auth valueTemplate must contain {{secret}}");
  }
  return {};
}

Result<void> check(const PathAuth& auth) {
  const std::string_view text = auth.prefix_template;
  TRY(check_text("path", "prefixTemplate", text));
  if (!text.starts_with('/')) return refused("path auth prefixTemplate must start with '/'");
  if (text.find_first_of("?#") != std::string_view::npos) {
    return refused("path auth prefixTemplate cannot include query or fragment");
  }
  const auto first = text.find(kSecretField);
  if (first == std::string_view::npos ||
      text.find(kSecretField, first + 1) != std::string_view::npos) {
    return refused("path auth prefixTemplate must contain exactly one {{secret}}");
  }
  return {};
}

Result<void> check(const QueryAuth& auth) {
  if (trim(auth.param_name).empty()) return malformed("query auth requires non-empty paramName");
  return check_text("query", "paramName", auth.param_name);
}

Result<void> check(const BasicAuth& auth) {
  if (!auth.templated) return {};
  TRY(check_text("basic", "usernameTemplate", auth.username_template));
  TRY(check_text("basic", "passwordTemplate", auth.password_template));
  TRY_ASSIGN(const auto username, placeholders_of(auth.username_template));
  TRY_ASSIGN(const auto password, placeholders_of(auth.password_template));
  if (username.empty() && password.empty()) {
    return malformed("basic auth requires a placeholder in usernameTemplate or passwordTemplate");
  }
  return {};
}

Result<void> check(const MultiHeaderAuth& auth) {
  if (auth.headers.empty()) {
    return refused("multi-header auth must include at least one header template");
  }
  return check_headers("multi-header", auth.headers);
}

Result<void> check(const MultiQueryAuth& auth) {
  if (auth.params.empty()) {
    return refused("multi-query auth must include at least one param template");
  }
  std::set<std::string> seen;
  for (const auto& param : auth.params) {
    if (param.name.empty()) return refused("multi-query auth requires non-empty paramName");
    TRY(check_text("multi-query", "paramName", param.name));
    if (!seen.insert(to_lower(param.name)).second) {
      return refused("multi-query auth cannot inject duplicate param names");
    }
    if (trim(param.value_template).empty()) {
      return refused("multi-query auth requires non-empty valueTemplate");
    }
    TRY(check_template("multi-query", "valueTemplate", param.value_template));
  }
  return {};
}

Result<void> check(const HmacAuth& auth) {
  constexpr std::array<std::string_view, 2> kKnown = {"signature", "timestamp"};
  if (auth.value_template.find(kSecretField) != std::string::npos) {
    return malformed("hmac auth valueTemplate cannot contain {{secret}}: the key is never sent");
  }
  TRY(check_made_header("hmac", auth.header_name, auth.value_template, kKnown));
  if (auth.payload == HmacPayload::timestamp && auth.header_name == kTimestampHeader) {
    return malformed("hmac auth cannot set 'x-timestamp': the broker manages it");
  }
  return {};
}

Result<void> check(const AwsSigV4Auth& auth) {
  if (auth.service.empty() || !is_aws_word(auth.service)) {
    return malformed("aws-sigv4 auth requires a valid service");
  }
  if (auth.region.find_first_of("*,") != std::string::npos) {
    return malformed("aws-sigv4 auth region names several regions: SigV4A is not offered");
  }
  if (!is_aws_word(auth.region)) return malformed("aws-sigv4 auth requires a valid region");
  return {};
}

Result<void> check(const MtlsAuth& /*auth*/) { return {}; }

Result<void> check(const JwtAuth& auth) {
  TRY(check_template("jwt", "audience", auth.audience));
  TRY(check_template("jwt", "issuer", auth.issuer));
  TRY(check_template("jwt", "subject", auth.subject));
  TRY(check_scopes("jwt", auth.scopes));
  if (auth.ttl_seconds < 1 || auth.ttl_seconds > kLongestTtl) {
    return malformed("jwt auth ttlSeconds must be 1 to 3600");
  }
  constexpr std::array<std::string_view, 7> kOwnClaims = {
      "iss", "sub", "scope", "aud", "iat", "exp", "jti"};
  for (const auto& claim : auth.claims) {
    if (std::ranges::find(kOwnClaims, std::string_view(claim.name)) != kOwnClaims.end()) {
      return malformed("jwt auth claims cannot set '" + claim.name + "'");
    }
    TRY(check_template("jwt", "claims", claim.json));
  }
  constexpr std::array<std::string_view, 1> kKnown = {"jwt"};
  return check_made_header("jwt", auth.header_name, auth.value_template, kKnown);
}

Result<void> check(const OAuth2Auth& auth) {
  TRY(check_text("oauth2", "tokenEndpoint", auth.token_endpoint));
  TRY(check_template("oauth2", "tokenEndpoint", auth.token_endpoint));
  TRY(check_scopes("oauth2", auth.scopes));
  for (const auto& [name, value] : auth.extra_params) {
    if (name.empty()) return malformed("oauth2 auth extraParams need names");
    TRY(check_text("oauth2", "extraParams", name));
    TRY(check_text("oauth2", "extraParams", value));
  }
  if (auth.assertion) {
    if (auth.grant_type != GrantType::jwt_bearer) {
      return malformed("oauth2 auth assertion belongs to the grant jwt_bearer");
    }
    TRY(check(*auth.assertion));
  }
  return check_headers("oauth2", auth.inject);
}

Result<void> check(const GithubAppAuth& auth) {
  const bool digits =
      std::ranges::all_of(auth.installation_id, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || auth.installation_id.size() > 20) {
    return malformed("github-app auth installationId must be a number");
  }
  return {};
}

}  // namespace aivault::registry
