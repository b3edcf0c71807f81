#include "auth/material.h"

#include <algorithm>
#include <array>

#include "auth/injection.h"
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

// Secrets that are exchanged for a token and never sent themselves as they are.
bool is_exchanged(const registry::AuthSpec& auth) {
  return std::holds_alternative<registry::OAuth2Auth>(auth) ||
         std::holds_alternative<registry::GithubAppAuth>(auth);
}

Result<Fields> exchanged_fields(std::string_view secret) {
  auto fields = Fields::parse(secret);
  if (fields) return *std::move(fields);
  return vault_unavailable("secret_malformed", "oauth2 secret must be JSON with clientId");
}

Result<std::vector<Secret>> exchanged_set(std::string_view secret,
                                          std::span<const std::string> public_fields) {
  TRY_ASSIGN(const auto fields, exchanged_fields(secret));
  std::vector<Secret> values;
  for (const auto& [name, value] : fields.all()) {
    if (!value.empty() && !is_public(name, public_fields)) values.push_back(Secret::copy_of(value));
  }
  return values;
}

void append_escaped(std::string_view text, std::vector<std::string_view>& parts) {
  constexpr std::array<std::string_view, 32> kControls = {
      "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
      "\\u0008", "\\u0009", "\\u000a", "\\u000b", "\\u000c", "\\u000d", "\\u000e", "\\u000f",
      "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
      "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f"};
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto value = static_cast<unsigned char>(text[i]);
    std::string_view escape;
    if (value < 0x20) escape = kControls[value];
    if (value == '"') escape = "\\\"";
    if (value == '\\') escape = "\\\\";
    if (escape.empty()) continue;
    parts.push_back(text.substr(begin, i - begin));
    parts.push_back(escape);
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
}

}  // namespace

Result<void> check_material(const registry::AuthSpec& auth, const Secret& secret) {
  if (is_exchanged(auth)) {
    TRY_ASSIGN(const auto text, secret_text(auth, secret));
    TRY(exchanged_fields(text));
    return {};
  }
  TRY(make_injection(auth, secret));
  return {};
}

Result<std::vector<Secret>> secret_set(const registry::AuthSpec& auth,
                                       const Secret& secret,
                                       std::span<const std::string> public_fields) {
  TRY_ASSIGN(const auto text, secret_text(auth, secret));
  if (const auto* basic = std::get_if<registry::BasicAuth>(&auth)) {
    return basic_set(*basic, text, public_fields);
  }
  if (is_exchanged(auth)) return exchanged_set(text, public_fields);
  std::vector<Secret> values;
  values.push_back(secret.clone());
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
