#include "auth/material.h"

#include <algorithm>
#include <array>

#include "auth/field_template.h"
#include "auth/injection.h"
#include "auth/sigv4.h"
#include "base/reveal.h"
#include "base/text.h"

namespace aivault::auth {
namespace {

// Names of fields that are no secrets at any vendor; compared without case, '_' and '-'.
constexpr std::array<std::string_view, 19> kPublicByNature = {"username",
                                                              "user",
                                                              "email",
                                                              "clientid",
                                                              "appid",
                                                              "installationid",
                                                              "accountid",
                                                              "tenantid",
                                                              "accesskeyid",
                                                              "keyid",
                                                              "region",
                                                              "scope",
                                                              "scopes",
                                                              "endpoint",
                                                              "tokenendpoint",
                                                              "tokentype",
                                                              "expires",
                                                              "expiresat",
                                                              "expiry"};

constexpr std::size_t kShortestSecret = 6;  // In bytes; what is shorter is not scrubbed.

bool is_public(const std::string& name, std::span<const std::string> public_fields) {
  if (std::ranges::find(public_fields, name) != public_fields.end()) return true;
  std::string plain = to_lower(name.substr(name.rfind('.') + 1));
  std::erase_if(plain, [](char c) { return c == '_' || c == '-'; });
  return std::ranges::find(kPublicByNature, plain) != kPublicByNature.end();
}

Result<std::vector<Secret>> basic_set(const registry::BasicAuth& auth,
                                      std::string_view secret,
                                      std::span<const std::string> public_fields) {
  TRY_ASSIGN(const auto material, basic_material(auth, secret));
  std::vector<Secret> values;
  bool any_secret = false;  // Long enough for one.
  for (const auto& [name, value] : material.fields.all()) {
    if (value.empty() || is_public(name, public_fields)) continue;
    values.push_back(Secret::copy_of(value));
    any_secret = any_secret || value.size() >= kShortestSecret;
  }
  if (!any_secret) {
    values.clear();
    // A user name without a real password is the key itself.
    for (const auto& [name, value] : material.fields.all()) {
      values.push_back(Secret::copy_of(value));
    }
  }
  Parts pair = material.username;
  pair.emplace_back(":");
  pair.insert(pair.end(), material.password.begin(), material.password.end());
  values.push_back(Secret::join(pair));
  return values;
}

// The values of fields, and long texts (keys in PEM) also line by line, as an echo may wrap them.
Result<std::vector<Secret>> fields_set(std::string_view secret,
                                       std::span<const std::string> public_fields) {
  const auto fields = Fields::parse(secret);
  std::vector<Secret> values;
  const auto add = [&](std::string_view value) {
    if (!value.empty()) values.push_back(Secret::copy_of(value));
    if (value.find('\n') == std::string_view::npos) return;
    for (const auto line : split(value, '\n')) {
      const auto text = trim(line);
      if (text.size() >= 16 && !text.starts_with("-----")) values.push_back(Secret::copy_of(text));
    }
  };
  if (!fields) {
    add(secret);
    return values;
  }
  for (const auto& [name, value] : fields->all()) {
    if (!is_public(name, public_fields)) add(value);
  }
  return values;
}

// Those of the rendered headers and parameters that hold more than one field.
Result<void> add_rendered(const std::vector<registry::FieldTemplate>& templates,
                          std::string_view word,
                          std::string_view secret,
                          std::vector<Secret>& values) {
  TRY_ASSIGN(const auto fields, multi_fields(word, secret));
  for (const auto& entry : templates) {
    TRY_ASSIGN(const auto parts, render(entry.value_template, fields));
    if (parts.size() > 3) values.push_back(Secret::join(parts));
  }
  return {};
}

struct MaterialCheck {
  std::string_view secret;
  Result<void> operator()(const registry::HeaderAuth& auth) const {
    return check_header_value(filled_in(auth.value_template, secret));
  }
  Result<void> operator()(const registry::PathAuth& auth) const {
    return check_path_secret(auth, secret);
  }
  Result<void> operator()(const registry::QueryAuth& /*auth*/) const { return {}; }
  Result<void> operator()(const registry::BasicAuth& auth) const {
    TRY(basic_material(auth, secret));
    return {};
  }
  Result<void> operator()(const registry::MultiHeaderAuth& auth) const {
    TRY_ASSIGN(const auto fields, multi_fields("multi-header", secret));
    for (const auto& header : auth.headers) {
      TRY_ASSIGN(const auto value, render(header.value_template, fields));
      TRY(check_header_value(value));
    }
    return {};
  }
  Result<void> operator()(const registry::MultiQueryAuth& auth) const {
    TRY_ASSIGN(const auto fields, multi_fields("multi-query", secret));
    for (const auto& param : auth.params) TRY(render(param.value_template, fields));
    return {};
  }
  Result<void> operator()(const registry::HmacAuth& /*auth*/) const { return {}; }
  Result<void> operator()(const registry::AwsSigV4Auth& /*auth*/) const {
    TRY(aws_material(secret));
    return {};
  }
  Result<void> operator()(const registry::MtlsAuth& /*auth*/) const {
    TRY(mtls_material(secret));
    return {};
  }
  Result<void> operator()(const registry::JwtAuth& auth) const {
    TRY_ASSIGN(const auto material, jwt_material(secret));
    TRY(self_signed_jwt(auth, material, UnixMs(), "0"));
    return {};
  }
  Result<void> operator()(const registry::OAuth2Auth& /*auth*/) const {
    if (!Fields::parse(secret)) {
      return vault_unavailable("secret_malformed", "oauth2 secret must be JSON with clientId");
    }
    return {};
  }
  Result<void> operator()(const registry::GithubAppAuth& auth) const {
    const auto fields = Fields::parse(secret);
    const auto has = [&](std::string_view name) { return fields && fields->find(name); };
    if ((!has("appId") && !has("clientId")) || !has("privateKeyPem") ||
        (auth.installation_id.empty() && !has("installationId"))) {
      return vault_unavailable(
          "secret_malformed",
          "github-app secret must be JSON with appId or clientId, privateKeyPem, installationId");
    }
    return {};
  }
};

}  // namespace

Result<void> check_material(const registry::AuthSpec& auth, const Secret& secret) {
  TRY_ASSIGN(const auto text, secret_text(auth, secret));
  return std::visit(MaterialCheck{text}, auth);
}

Result<std::vector<Secret>> secret_set(const registry::AuthSpec& auth,
                                       const Secret& secret,
                                       std::span<const std::string> public_fields) {
  TRY_ASSIGN(const auto text, secret_text(auth, secret));
  if (const auto* basic = std::get_if<registry::BasicAuth>(&auth)) {
    return basic_set(*basic, text, public_fields);
  }
  const std::string_view word = registry::auth_word(auth);
  std::vector<Secret> values;
  if (word == "header" || word == "path" || word == "query" || word == "hmac") {
    values.push_back(secret.clone());
    return values;
  }
  TRY(check_material(auth, secret));
  TRY_ASSIGN(values, fields_set(text, public_fields));
  if (const auto* multi = std::get_if<registry::MultiHeaderAuth>(&auth)) {
    TRY(add_rendered(multi->headers, word, text, values));
  } else if (const auto* query = std::get_if<registry::MultiQueryAuth>(&auth)) {
    TRY(add_rendered(query->params, word, text, values));
  }
  return values;
}

Result<Secret> compose(std::span<const NamedSecret> members) {
  std::vector<std::string_view> parts = {"{"};
  for (const auto& member : members) {
    const auto value = member.value->text(Reveal());
    if (!is_valid_utf8(member.name) || !is_valid_utf8(value)) {
      return vault_unavailable("secret_malformed", "secret must be utf-8");
    }
    parts.emplace_back(parts.size() == 1 ? "\"" : ",\"");
    append_escaped(member.name, parts);
    parts.emplace_back("\":\"");
    append_escaped(value, parts);
    parts.emplace_back("\"");
  }
  parts.emplace_back("}");
  return Secret::join(parts);
}

}  // namespace aivault::auth
