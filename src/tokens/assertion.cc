#include "tokens/assertion.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "auth/fields.h"
#include "auth/jwt.h"
#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"
#include "crypto/random.h"

namespace aivault::tokens {
namespace {

tl::unexpected<Error> malformed(std::string message) {
  return vault_unavailable("secret_malformed", std::move(message));
}

std::string random_id() {
  const auto bytes = crypto::random_bytes();
  return hex(std::span(bytes).first(16));
}

std::int64_t seconds_of(UnixMs moment) { return to_int(moment) / 1000; }

bool is_id_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

std::optional<std::string> any_of(const auth::Fields& fields,
                                  std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    const auto value = fields.find(name);
    if (value && !trim(*value).empty()) return std::string(trim(*value));
  }
  return std::nullopt;
}

std::optional<std::string_view> key_of(const auth::Fields& fields) {
  for (const std::string_view name :
       {"privateKeyPem", "private_key_pem", "privateKey", "private_key"}) {
    if (const auto value = fields.find(name)) return value;
  }
  return std::nullopt;
}

}  // namespace

bool is_google_exchange(const registry::JwtAuth& auth, const Secret& secret) {
  const auto material = auth::jwt_material(secret.text(Reveal()));
  return material && auth::is_google_exchange(auth, *material);
}

Result<Secret> bearer_assertion(const registry::JwtAuth& auth,
                                const Secret& secret,
                                const std::string& audience,
                                UnixMs now) {
  TRY_ASSIGN(const auto material, auth::jwt_material(secret.text(Reveal())));
  auto complete = auth;
  if (complete.audience.empty()) complete.audience = audience;
  return auth::self_signed_jwt(complete, material, now, random_id());
}

Result<TokenRequest> google_request(const registry::JwtAuth& auth,
                                    const Secret& secret,
                                    UnixMs now) {
  TRY_ASSIGN(const auto material, auth::jwt_material(secret.text(Reveal())));
  const auto stated = material.find("token_uri");
  if (stated && *stated != kGoogleEndpoint) {
    return malformed("token_uri is not the Google token endpoint");
  }
  auto exchanged = auth;
  exchanged.algorithm = registry::JwtAlgorithm::rs256;
  exchanged.audience = kGoogleEndpoint;
  exchanged.issuer.clear();
  exchanged.ttl_seconds = 3600;
  TRY_ASSIGN(const auto assertion, auth::self_signed_jwt(exchanged, material, now, random_id()));
  const std::array<FormField, 2> fields = {
      FormField{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
      FormField{"assertion", assertion.text(Reveal())}};
  return make_token_request({}, fields);
}

Result<GithubRequest> github_request(const registry::GithubAppAuth& auth,
                                     const Secret& secret,
                                     UnixMs now) {
  const auto fields = auth::Fields::parse(secret.text(Reveal()));
  const auto wrong = [] {
    return malformed(
        "github-app secret must be JSON with appId or clientId, privateKeyPem, installationId");
  };
  if (!fields) return wrong();
  const auto app = any_of(*fields, {"clientId", "client_id", "appId", "app_id"});
  const auto key = key_of(*fields);
  auto installation = any_of(*fields, {"installationId", "installation_id"});
  if (!auth.installation_id.empty()) installation = auth.installation_id;
  if (!app || !key || !installation) return wrong();
  const bool is_clean =
      std::ranges::all_of(*app, is_id_character) &&
      std::ranges::all_of(*installation, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_clean) return wrong();
  const auto begin = std::to_string(seconds_of(now) - 60);
  const auto end = std::to_string(seconds_of(now) + 540);
  const auth::Parts claims = {R"({"iss":")", *app, R"(","iat":)", begin, R"(,"exp":)", end, "}"};
  TRY_ASSIGN(const auto token, auth::signed_jwt(registry::JwtAlgorithm::rs256, *key, "", claims));
  GithubRequest made;
  made.url = "https://api.github.com/app/installations/" + *installation + "/access_tokens";
  made.request.authorization = Secret::join({"Bearer ", token.text(Reveal())});
  made.request.accept = "application/vnd.github+json";
  made.request.headers = {{"x-github-api-version", "2022-11-28"}};
  return made;
}

}  // namespace aivault::tokens
