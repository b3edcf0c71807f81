// to_json of auth configs: the stored form.
#include "json/parse.h"
#include "registry/auth_parsers.h"
#include "registry/auth_spec.h"
#include "registry/auth_words.h"

namespace aivault::registry {
namespace {

using json::Value;

Value list_of(const std::vector<std::string>& texts) {
  Value list = Value::array();
  for (const auto& text : texts) list.push(text);
  return list;
}

Value list_of(const std::vector<FieldTemplate>& templates, std::string_view name_field) {
  Value list = Value::array();
  for (const auto& entry : templates) {
    list.push(Value::object({{name_field, entry.name}, {"value_template", entry.value_template}}));
  }
  return list;
}

void set_unless_empty(Value& object, std::string_view key, const std::string& text) {
  if (!text.empty()) object.set(key, text);
}

Value fields_of(const HeaderAuth& auth) {
  return Value::object(
      {{"header_name", auth.header_name}, {"value_template", auth.value_template}});
}
Value fields_of(const PathAuth& auth) {
  return Value::object({{"prefix_template", auth.prefix_template}});
}
Value fields_of(const QueryAuth& auth) { return Value::object({{"param_name", auth.param_name}}); }
Value fields_of(const BasicAuth& auth) {
  if (!auth.templated) return {};
  return Value::object({{"username_template", auth.username_template},
                        {"password_template", auth.password_template}});
}
Value fields_of(const MultiHeaderAuth& auth) { return list_of(auth.headers, "header_name"); }
Value fields_of(const MultiQueryAuth& auth) { return list_of(auth.params, "param_name"); }
Value fields_of(const HmacAuth& auth) {
  Value object = Value::object({{"algorithm", to_string(auth.algorithm)},
                                {"header_name", auth.header_name},
                                {"value_template", auth.value_template}});
  if (auth.payload != HmacPayload::canonical) object.set("payload", to_string(auth.payload));
  return object;
}
Value fields_of(const AwsSigV4Auth& auth) {
  Value object = Value::object({{"service", auth.service}});
  set_unless_empty(object, "region", auth.region);
  return object;
}
Value fields_of(const MtlsAuth& /*auth*/) { return {}; }
Value fields_of(const JwtAuth& auth) {
  const JwtAuth usual;
  Value object = Value::object({{"algorithm", to_string(auth.algorithm)}});
  set_unless_empty(object, "audience", auth.audience);
  set_unless_empty(object, "issuer", auth.issuer);
  set_unless_empty(object, "subject", auth.subject);
  object.set("scopes", list_of(auth.scopes));
  if (auth.ttl_seconds != usual.ttl_seconds) object.set("ttl_seconds", auth.ttl_seconds);
  if (!auth.claims.empty()) {
    Value claims = Value::object();
    for (const auto& claim : auth.claims) {
      claims.set(claim.name, json::parse(claim.json).value_or(Value()));
    }
    object.set("claims", std::move(claims));
  }
  if (auth.header_name != usual.header_name) object.set("header_name", auth.header_name);
  if (auth.value_template != usual.value_template) {
    object.set("value_template", auth.value_template);
  }
  return object;
}
Value fields_of(const OAuth2Auth& auth) {
  Value object = Value::object({{"grant_type", to_string(auth.grant_type)}});
  set_unless_empty(object, "token_endpoint", auth.token_endpoint);
  if (!auth.scopes.empty()) object.set("scopes", list_of(auth.scopes));
  if (auth.client_auth != ClientAuth::automatic) {
    object.set("client_auth", to_string(auth.client_auth));
  }
  if (auth.request_format != RequestFormat::form) {
    object.set("request_format", to_string(auth.request_format));
  }
  if (!auth.extra_params.empty()) {
    Value params = Value::object();
    for (const auto& [name, value] : auth.extra_params) params.set(name, value);
    object.set("extra_params", std::move(params));
  }
  if (auth.default_ttl_s != OAuth2Auth().default_ttl_s) {
    object.set("default_ttl_s", auth.default_ttl_s);
  }
  if (auth.assertion) object.set("assertion", fields_of(*auth.assertion));
  if (!auth.inject.empty()) object.set("inject", list_of(auth.inject, "header_name"));
  return object;
}
Value fields_of(const GithubAppAuth& auth) {
  Value object = Value::object();
  set_unless_empty(object, "installation_id", auth.installation_id);
  return object;
}

}  // namespace

json::Value to_json(const AuthSpec& spec) {
  const std::string_view tag = kAuthTags[spec.index()];
  auto fields = std::visit([](const auto& auth) { return fields_of(auth); }, spec);
  if (fields.is(json::Kind::null)) return tag;
  return Value::object({{tag, std::move(fields)}});
}

}  // namespace aivault::registry
