#include "cli/credential_auth.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/key_value.h"

namespace aivault::cli {
namespace {

using json::Value;

// A flag, the kinds it belongs to, and the field of the config that it sets.
struct AuthFlag {
  std::string_view flag, kinds, field;
};
constexpr auto kAuthFlags = std::to_array<AuthFlag>({
    {"header-name", "header, hmac", "header_name"},
    {"value-template", "header, hmac", "value_template"},
    {"query-param", "query", "param_name"},
    {"path-prefix-template", "path", "prefix_template"},
    {"username-template", "basic", "username_template"},
    {"password-template", "basic", "password_template"},
    {"auth-header", "multi-header", ""},
    {"auth-query", "multi-query", ""},
    {"grant-type", "oauth2", "grant_type"},
    {"token-endpoint", "oauth2", "token_endpoint"},
    {"scope", "oauth2, jwt", ""},
    {"aws-service", "aws-sigv4", "service"},
    {"aws-region", "aws-sigv4", "region"},
    {"hmac-algorithm", "hmac", "algorithm"},
    {"hmac-payload", "hmac", "payload"},
    {"jwt-algorithm", "jwt, oauth2", "algorithm"},
    {"jwt-audience", "jwt, oauth2", "audience"},
    {"jwt-issuer", "jwt, oauth2", "issuer"},
    {"jwt-subject", "jwt, oauth2", "subject"},
    {"installation-id", "github-app", "installation_id"},
});

bool belongs(std::string_view kinds, std::string_view kind) {
  return std::ranges::any_of(split(kinds, ','),
                             [&](std::string_view one) { return trim(one) == kind; });
}

// The fields whose flags were given; the others have their defaults in the daemon.
Value fields_of(const Arguments& arguments, std::string_view kind) {
  Value fields = Value::object();
  for (const auto& [flag, kinds, field] : kAuthFlags) {
    if (field.empty() || !belongs(kinds, kind)) continue;
    if (const auto given = arguments.text(flag)) fields.set(field, *given);
  }
  return fields;
}

Value scopes_of(const Arguments& arguments) {
  Value scopes = Value::array();
  for (const auto& scope : arguments.list("scope")) scopes.push(scope);
  return scopes;
}

Result<Value> templates_of(const Arguments& arguments,
                           std::string_view flag,
                           std::string_view name_field) {
  TRY_ASSIGN(const auto pairs, parse_key_values(flag, arguments.list(flag)));
  Value list = Value::array();
  for (const auto& [name, text] : pairs) {
    list.push(Value::object({{name_field, name}, {"value_template", text}}));
  }
  return list;
}

Value basic_of(const Arguments& arguments) {
  if (!arguments.has("username-template") && !arguments.has("password-template")) return "basic";
  return Value::object(
      {{"basic",
        Value::object(
            {{"username_template", arguments.text_or("username-template", "{{username}}")},
             {"password_template", arguments.text_or("password-template", "{{password}}")}})}});
}

// With the jwt_bearer grant the flags of jwt describe the assertion.
Value oauth_of(const Arguments& arguments) {
  constexpr std::array<std::string_view, 4> kOfJwt = {"algorithm", "audience", "issuer", "subject"};
  Value own = Value::object();
  Value assertion = Value::object();
  const Value fields = fields_of(arguments, "oauth2");
  for (const auto& member : fields.members()) {
    const bool of_jwt = std::ranges::find(kOfJwt, std::string_view(member.key)) != kOfJwt.end();
    (of_jwt ? assertion : own).set(member.key, member.value);
  }
  if (arguments.has("scope")) own.set("scopes", scopes_of(arguments));
  if (!assertion.members().empty()) own.set("assertion", std::move(assertion));
  return Value::object({{"o_auth2", std::move(own)}});
}

}  // namespace

Result<Value> auth_of(const Arguments& arguments, std::string_view kind) {
  if (kind == "o-auth2") kind = "oauth2";
  if (kind == "basic") return basic_of(arguments);
  if (kind == "mtls") return Value("mtls");
  if (kind == "oauth2") return oauth_of(arguments);
  if (kind == "multi-header") {
    TRY_ASSIGN(auto list, templates_of(arguments, "auth-header", "header_name"));
    return Value::object({{"multi_header", std::move(list)}});
  }
  if (kind == "multi-query") {
    TRY_ASSIGN(auto list, templates_of(arguments, "auth-query", "param_name"));
    return Value::object({{"multi_query", std::move(list)}});
  }
  Value fields = fields_of(arguments, kind);
  if (kind == "jwt") fields.set("scopes", scopes_of(arguments));
  return Value::object({{kind, std::move(fields)}});
}

std::vector<std::pair<std::string, std::string>> foreign_auth_flags(const Arguments& arguments,
                                                                    std::string_view kind) {
  if (kind == "o-auth2") kind = "oauth2";
  std::vector<std::pair<std::string, std::string>> foreign;
  for (const auto& [flag, kinds, field] : kAuthFlags) {
    if (arguments.has(flag) && !belongs(kinds, kind)) foreign.emplace_back(flag, kinds);
  }
  return foreign;
}

}  // namespace aivault::cli
