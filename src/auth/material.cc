#include "auth/material.h"

#include <algorithm>
#include <array>
#include <utility>

#include "auth/basic.h"
#include "auth/fields.h"
#include "auth/injection.h"
#include "base/reveal.h"
#include "base/text.h"
#include "registry/template.h"

namespace aivault::auth {
namespace {

// Fields that name an account and prove nothing, in the spelling without '_' and '-'.
constexpr std::array<std::string_view, 14> kPublicByNature = {"username",
                                                              "user",
                                                              "clientid",
                                                              "appid",
                                                              "installationid",
                                                              "accountid",
                                                              "tenantid",
                                                              "accesskeyid",
                                                              "keyid",
                                                              "region",
                                                              "email",
                                                              "endpoint",
                                                              "scopes",
                                                              "scope"};

bool is_public(std::string_view name, std::span<const std::string> listed) {
  if (std::ranges::find(listed, name) != listed.end()) return true;
  const auto dot = name.rfind('.');
  std::string plain = to_lower(dot == std::string_view::npos ? name : name.substr(dot + 1));
  std::erase_if(plain, [](char c) { return c == '_' || c == '-'; });
  return std::ranges::find(kPublicByNature, plain) != kPublicByNature.end();
}

std::vector<Secret> one(Secret value) {
  std::vector<Secret> set;
  set.push_back(std::move(value));
  return set;
}

Result<std::vector<Secret>> basic_set(const registry::BasicAuth& auth,
                                      const Secret& secret,
                                      std::span<const std::string> public_fields) {
  TRY_ASSIGN(auto pair, basic_pair(auth, secret));
  auto set = one(pair.joined());
  if (auth.templated) {
    TRY_ASSIGN(auto fields, basic_fields(secret));
    for (auto& field : fields) {
      if (!is_public(field.name, public_fields)) set.push_back(std::move(field.value));
    }
  }
  set.push_back(std::move(pair.password));
  return set;
}

}  // namespace

Result<void> check_material(const registry::AuthSpec& auth, const Secret& secret) {
  TRY_ASSIGN(const auto injection, inject(auth, secret));
  (void)injection;
  return {};
}

Result<std::vector<Secret>> secret_set(const registry::AuthSpec& auth,
                                       const Secret& secret,
                                       std::span<const std::string> public_fields) {
  if (const auto* basic = std::get_if<registry::BasicAuth>(&auth)) {
    return basic_set(*basic, secret, public_fields);
  }
  return one(secret.clone());
}

Result<Secret> compose(std::span<const NamedSecret> members) {
  std::vector<Secret> texts;
  for (const auto& member : members) {
    if (!is_utf8(*member.value)) return malformed("secret must be utf-8");
    texts.push_back(json_string(Secret::copy_of(member.name)));
    texts.push_back(json_string(*member.value));
  }
  std::vector<std::string_view> parts = {"{"};
  for (std::size_t i = 0; i < texts.size(); i += 2) {
    if (i > 0) parts.emplace_back(",");
    parts.push_back(texts[i].text(Reveal{}));
    parts.emplace_back(":");
    parts.push_back(texts[i + 1].text(Reveal{}));
  }
  parts.emplace_back("}");
  return Secret::join(parts);
}

}  // namespace aivault::auth
