#include "registry/auth_parsers.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"
#include "json/write.h"
#include "registry/auth_fields.h"
#include "registry/auth_words.h"

namespace aivault::registry {
namespace {

tl::unexpected<Error> malformed(std::string message) {
  return invalid_request("record_invalid", std::move(message));
}

std::string header_name(std::string_view raw) { return to_lower(trim(raw)); }

Result<void> parse(AuthFields& fields, AuthForm /*form*/, HeaderAuth& auth) {
  TRY_ASSIGN(const auto name, fields.text_or("headerName", auth.header_name));
  TRY_ASSIGN(auth.value_template, fields.text_or("valueTemplate", auth.value_template));
  auth.header_name = header_name(name);
  return {};
}

Result<void> parse(AuthFields& fields, AuthForm /*form*/, PathAuth& auth) {
  TRY_ASSIGN(const auto prefix, fields.text_or("prefixTemplate", auth.prefix_template));
  auth.prefix_template = trim(prefix);
  return {};
}

Result<void> parse(AuthFields& fields, AuthForm /*form*/, QueryAuth& auth) {
  TRY_ASSIGN(const auto name, fields.text_or("paramName", auth.param_name));
  auth.param_name = trim(name);
  return {};
}

Result<void> parse(AuthFields& fields, AuthForm /*form*/, BasicAuth& auth) {
  TRY_ASSIGN(auto username, fields.text("usernameTemplate"));
  TRY_ASSIGN(auto password, fields.text("passwordTemplate"));
  if (username.has_value() != password.has_value()) {
    return malformed("basic auth takes both usernameTemplate and passwordTemplate, or neither");
  }
  if (username && password) auth = BasicAuth{*std::move(username), *std::move(password), true};
  return {};
}

Result<void> parse(AuthFields& fields, AuthForm /*form*/, HmacAuth& auth) {
  TRY_ASSIGN(const auto algorithm, fields.text_or("algorithm", to_string(auth.algorithm)));
  TRY_ASSIGN(const auto name, fields.text_or("headerName", auth.header_name));
  TRY_ASSIGN(auth.value_template, fields.text_or("valueTemplate", auth.value_template));
  TRY_ASSIGN(const auto payload, fields.text_or("payload", to_string(auth.payload)));
  const auto known_algorithm = find_hmac_algorithm(algorithm);
  if (!known_algorithm) {
    return malformed("unknown hmac algorithm '" + quote_for_message(algorithm) +
                     "': use sha1, sha256, sha384 or sha512");
  }
  const auto known_payload = find_hmac_payload(payload);
  if (!known_payload) {
    return malformed("unknown hmac payload '" + quote_for_message(payload) +
                     "': use canonical, body or timestamp");
  }
  auth.algorithm = *known_algorithm;
  auth.payload = *known_payload;
  auth.header_name = header_name(name);
  return {};
}

Result<void> parse(AuthFields& fields, AuthForm /*form*/, AwsSigV4Auth& auth) {
  TRY_ASSIGN(const auto service, fields.text_or("service", auth.service));
  TRY_ASSIGN(const auto region, fields.text_or("region", auth.region));
  auth.service = to_lower(trim(service));
  auth.region = to_lower(trim(region));
  return {};
}

Result<void> parse(AuthFields& /*fields*/, AuthForm /*form*/, MtlsAuth& /*auth*/) { return {}; }

Result<std::vector<JwtClaim>> claims_of(AuthFields& fields) {
  TRY_ASSIGN(const auto* object, fields.value("claims"));
  std::vector<JwtClaim> claims;
  if (object == nullptr) return claims;
  constexpr std::size_t kMostClaims = 32;
  if (!object->is(json::Kind::object) || object->members().size() > kMostClaims) {
    return malformed(fields.what("claims") + " must be an object");
  }
  for (const auto& member : object->members()) {
    claims.push_back({std::string(member.key), json::compact(member.value)});
  }
  std::ranges::sort(claims, {}, &JwtClaim::name);
  return claims;
}

Result<void> parse(AuthFields& fields, AuthForm form, JwtAuth& auth) {
  TRY_ASSIGN(const auto algorithm, fields.text_or("algorithm", to_string(auth.algorithm)));
  const auto known = find_jwt_algorithm(algorithm);
  if (!known) {
    return malformed("unknown jwt algorithm '" + quote_for_message(algorithm) +
                     "': use RS256, ES256 or EdDSA");
  }
  auth.algorithm = *known;
  TRY_ASSIGN(auth.audience, fields.text_or("audience", ""));
  TRY_ASSIGN(auth.issuer, fields.text_or("issuer", ""));
  TRY_ASSIGN(auth.subject, fields.text_or("subject", ""));
  TRY_ASSIGN(auth.scopes, fields.texts("scopes"));
  if (form != AuthForm::file) return {};
  TRY_ASSIGN(const auto ttl, fields.integer("ttlSeconds"));
  if (ttl) auth.ttl_seconds = static_cast<int>(std::clamp<std::int64_t>(*ttl, 0, 1 << 20));
  TRY_ASSIGN(auth.claims, claims_of(fields));
  TRY_ASSIGN(const auto name, fields.text_or("headerName", auth.header_name));
  auth.header_name = header_name(name);
  TRY_ASSIGN(auth.value_template, fields.text_or("valueTemplate", auth.value_template));
  return {};
}

Result<void> parse_file_fields(AuthFields& fields, OAuth2Auth& auth) {
  TRY_ASSIGN(const auto client, fields.text_or("clientAuth", to_string(auth.client_auth)));
  const auto known_client = find_client_auth(client);
  if (!known_client) {
    return malformed("unknown oauth2 clientAuth '" + quote_for_message(client) +
                     "': use auto, basic, body or none");
  }
  TRY_ASSIGN(const auto format, fields.text_or("requestFormat", to_string(auth.request_format)));
  const auto known_format = find_request_format(format);
  if (!known_format) {
    return malformed("unknown oauth2 requestFormat '" + quote_for_message(format) +
                     "': use form or json");
  }
  auth.client_auth = *known_client;
  auth.request_format = *known_format;
  TRY_ASSIGN(auth.extra_params, fields.pairs("extraParams"));
  TRY_ASSIGN(const auto life, fields.integer("defaultTtlS"));
  if (life) auth.default_ttl_s = static_cast<int>(std::clamp<std::int64_t>(*life, 0, 31'536'000));
  TRY_ASSIGN(const auto* inject, fields.value("inject"));
  if (inject != nullptr) {
    TRY_ASSIGN(auth.inject, parse_templates("oauth2", "headerName", *inject));
    for (auto& header : auth.inject) header.name = to_lower(header.name);
  }
  TRY_ASSIGN(const auto endpoint, fields.text("endpoint"));
  if (endpoint) auth.token_endpoint = trim(*endpoint);
  return {};
}

Result<void> parse(AuthFields& fields, AuthForm form, OAuth2Auth& auth) {
  TRY_ASSIGN(const auto grant, fields.text_or("grantType", to_string(auth.grant_type)));
  const auto known = find_grant_type(grant);
  if (!known || (*known == GrantType::json_exchange && form != AuthForm::file)) {
    return policy_violation("auth_config", "oauth2 consent/setup flow must happen outside broker");
  }
  auth.grant_type = *known;
  TRY_ASSIGN(const auto endpoint, fields.text_or("tokenEndpoint", ""));
  auth.token_endpoint = trim(endpoint);
  TRY_ASSIGN(const auto scopes, fields.texts("scopes"));
  for (const auto& scope : scopes) {
    if (!trim(scope).empty()) auth.scopes.emplace_back(trim(scope));
  }
  TRY_ASSIGN(const auto* assertion, fields.value("assertion"));
  if (assertion != nullptr) {
    if (!assertion->is(json::Kind::object)) {
      return malformed(fields.what("assertion") + " must be an object");
    }
    AuthFields inner("jwt", *assertion);
    JwtAuth jwt;
    TRY(parse(inner, form, jwt));
    TRY(inner.finish(false));
    auth.assertion = std::move(jwt);
  } else if (auth.grant_type == GrantType::jwt_bearer) {
    auth.assertion = JwtAuth();
  }
  return form == AuthForm::file ? parse_file_fields(fields, auth) : Result<void>();
}

Result<void> parse(AuthFields& fields, AuthForm /*form*/, GithubAppAuth& auth) {
  TRY_ASSIGN(const auto* id, fields.value("installationId"));
  if (id == nullptr) return {};
  const bool is_number = id->is(json::Kind::number) && id->integer();
  if (!is_number && !id->is(json::Kind::string)) {
    return malformed(fields.what("installationId") + " must be a string");
  }
  auth.installation_id = trim(id->text());
  return {};
}

// A list, by itself or as the member `list_name` of a {"type": ...} object.
Result<std::vector<FieldTemplate>> parse_list(std::string_view word,
                                              std::string_view list_name,
                                              std::string_view name_field,
                                              const json::Value& object,
                                              bool type_form) {
  if (!type_form) return parse_templates(word, name_field, object);
  AuthFields fields(word, object);
  TRY_ASSIGN(const auto* list, fields.value(list_name));
  TRY(fields.finish(true));
  if (list == nullptr) return std::vector<FieldTemplate>();
  return parse_templates(word, name_field, *list);
}

template <typename Auth>
Result<AuthSpec> parse_as(std::string_view word,
                          const json::Value& object,
                          bool type_form,
                          AuthForm form) {
  if (!object.is(json::Kind::object)) {
    return malformed(std::string(word) + " auth must be an object");
  }
  AuthFields fields(word, object);
  Auth auth;
  TRY(parse(fields, form, auth));
  TRY(fields.finish(type_form));
  return AuthSpec(std::move(auth));
}

template <>
Result<AuthSpec> parse_as<MultiHeaderAuth>(std::string_view word,
                                           const json::Value& object,
                                           bool type_form,
                                           AuthForm /*form*/) {
  MultiHeaderAuth auth;
  TRY_ASSIGN(auth.headers, parse_list(word, "headers", "headerName", object, type_form));
  for (auto& header : auth.headers) header.name = to_lower(header.name);
  return AuthSpec(std::move(auth));
}

template <>
Result<AuthSpec> parse_as<MultiQueryAuth>(std::string_view word,
                                          const json::Value& object,
                                          bool type_form,
                                          AuthForm /*form*/) {
  MultiQueryAuth auth;
  TRY_ASSIGN(auth.params, parse_list(word, "params", "paramName", object, type_form));
  return AuthSpec(std::move(auth));
}

using Parser = Result<AuthSpec> (*)(std::string_view, const json::Value&, bool, AuthForm);

template <std::size_t... kKind>
constexpr auto parsers_of(std::index_sequence<kKind...> /*kinds*/) {
  return std::array<Parser, sizeof...(kKind)>{
      &parse_as<std::variant_alternative_t<kKind, AuthSpec>>...};
}

constexpr auto kParsers = parsers_of(std::make_index_sequence<std::variant_size_v<AuthSpec>>());
static_assert(std::size(kAuthTags) == kParsers.size());
static_assert(std::size(kAuthWords) == kParsers.size());

}  // namespace

Result<AuthSpec> parse_fields(std::size_t kind,
                              const json::Value& object,
                              bool type_form,
                              AuthForm form) {
  return kParsers.at(kind)(kAuthWords[kind], object, type_form, form);
}

}  // namespace aivault::registry
