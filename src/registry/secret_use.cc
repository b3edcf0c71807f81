#include "registry/secret_use.h"

#include "registry/template.h"

namespace aivault::registry {
namespace {

void collect(std::string_view text, std::set<std::string>& names) {
  if (const auto found = placeholders_of(text)) names.insert(found->begin(), found->end());
}

void collect(const std::vector<FieldTemplate>& templates, std::set<std::string>& names) {
  for (const auto& entry : templates) collect(entry.value_template, names);
}

struct Reader {
  SecretUse operator()(const HeaderAuth& auth) const {
    SecretUse use;
    collect(auth.value_template, use.needed);
    return use;
  }
  SecretUse operator()(const PathAuth& auth) const {
    SecretUse use;
    collect(auth.prefix_template, use.needed);
    return use;
  }
  SecretUse operator()(const QueryAuth& /*auth*/) const { return {{"secret"}, {}, false}; }
  SecretUse operator()(const BasicAuth& auth) const {
    SecretUse use;
    collect(auth.username_template, use.needed);
    collect(auth.password_template, use.needed);
    return use;
  }
  SecretUse operator()(const MultiHeaderAuth& auth) const {
    SecretUse use;
    collect(auth.headers, use.needed);
    return use;
  }
  SecretUse operator()(const MultiQueryAuth& auth) const {
    SecretUse use;
    collect(auth.params, use.needed);
    return use;
  }
  SecretUse operator()(const HmacAuth& /*auth*/) const { return {{"secret"}, {}, true}; }
  SecretUse operator()(const AwsSigV4Auth& /*auth*/) const {
    return {{"access_key_id", "secret_access_key"}, {"session_token", "region"}, true};
  }
  SecretUse operator()(const MtlsAuth& /*auth*/) const {
    return {{"certPem", "keyPem"}, {"chainPem"}, true};
  }
  SecretUse operator()(const JwtAuth& auth) const {
    SecretUse use{{"privateKey"}, {"keyId", "issuer", "subject"}, true};
    collect(auth.audience, use.needed);
    collect(auth.issuer, use.needed);
    collect(auth.subject, use.needed);
    for (const auto& claim : auth.claims) collect(claim.json, use.needed);
    return use;
  }
  SecretUse operator()(const OAuth2Auth& auth) const {
    SecretUse use{{},
                  {"client_id",
                   "client_secret",
                   "refresh_token",
                   "access_token",
                   "account_id",
                   "tenant_id",
                   "privateKey"},
                  true};
    collect(auth.inject, use.known);
    if (auth.assertion) {
      const auto inner = (*this)(*auth.assertion);
      use.known.insert(inner.needed.begin(), inner.needed.end());
      use.known.insert(inner.known.begin(), inner.known.end());
    }
    return use;
  }
  SecretUse operator()(const GithubAppAuth& /*auth*/) const {
    return {{"privateKeyPem"}, {"appId", "clientId", "installationId"}, true};
  }
};

}  // namespace

SecretUse secret_use(const AuthSpec& spec) { return std::visit(Reader{}, spec); }

}  // namespace aivault::registry
