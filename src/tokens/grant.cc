#include "tokens/grant.h"

#include <algorithm>
#include <vector>

#include "base/reveal.h"
#include "base/text.h"

namespace aivault::tokens {
namespace {

using registry::GrantType;

tl::unexpected<Error> incomplete(std::string message) {
  return fail(ErrorCode::oauth_refresh_required, "setup_incomplete", std::move(message));
}

bool is_tenant_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-';
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

std::string joined(const std::vector<std::string>& scopes) {
  std::string text;
  for (const auto& scope : scopes) {
    const auto trimmed = trim(scope);
    if (trimmed.empty()) continue;
    if (!text.empty()) text += ' ';
    text += trimmed;
  }
  return text;
}

std::string_view grant_name(GrantType type) {
  switch (type) {
    case GrantType::refresh_token: return "refresh_token";
    case GrantType::client_credentials: return "client_credentials";
    case GrantType::account_credentials: return "account_credentials";
    case GrantType::jwt_bearer: return "urn:ietf:params:oauth:grant-type:jwt-bearer";
    case GrantType::json_exchange: return "";
  }
  return "";
}

}  // namespace

Result<void> check_client(const registry::OAuth2Auth& auth, const OAuthSecret& secret) {
  const auto type = auth.grant_type;
  if (type == GrantType::json_exchange) return {};
  if (type != GrantType::jwt_bearer && !secret.client_id()) {
    return incomplete("missing oauth2 client id");
  }
  const bool needs_secret =
      type == GrantType::client_credentials || type == GrantType::account_credentials;
  if (needs_secret && !secret.client_secret()) return incomplete("missing oauth2 client secret");
  return {};
}

Result<policy::TokenEndpoint> endpoint_of(const registry::OAuth2Auth& auth,
                                          const OAuthSecret& secret,
                                          std::string_view tenant_host,
                                          const policy::TokenEndpointRules& rules) {
  std::string url = auth.token_endpoint;
  if (trim(url).empty()) url = secret.token_endpoint().value_or("");
  const auto tenant = secret.tenant_id().value_or("");
  if (!tenant.empty() && std::ranges::all_of(tenant, is_tenant_character)) {
    replace_all(url, "{{tenantId}}", tenant);
  }
  if (!tenant_host.empty()) replace_all(url, "{{host}}", tenant_host);
  return policy::check_token_endpoint(url, rules);
}

Result<TokenRequest> grant_request(const registry::OAuth2Auth& auth, const GrantInput& input) {
  if (auth.grant_type == GrantType::json_exchange) {
    TokenRequest request;
    request.body = input.fields.clone();
    request.content_type = "application/json";
    return request;
  }
  const auto& secret = input.secret;
  std::vector<FormField> fields = {{"grant_type", grant_name(auth.grant_type)}};
  if (auth.grant_type == GrantType::refresh_token) {
    const auto refresh = secret.refresh_token();
    if (!refresh) return incomplete("missing oauth2 refresh token");
    fields.push_back({"refresh_token", *refresh});
  }
  if (auth.grant_type == GrantType::account_credentials) {
    const auto account = secret.account_id();
    if (!account) return incomplete("missing oauth2 account id");
    fields.push_back({"account_id", *account});
  }
  if (auth.grant_type == GrantType::jwt_bearer) {
    fields.push_back({"assertion", input.assertion.text(Reveal())});
  }
  const auto scope = joined(auth.scopes);
  if (!scope.empty()) fields.push_back({"scope", scope});
  for (const auto& [name, value] : auth.extra_params) fields.push_back({name, value});
  Client client;
  client.id = secret.client_id().value_or("");
  client.secret = secret.client_secret();
  client.auth = auth.client_auth;
  return make_token_request(client, fields, auth.request_format);
}

}  // namespace aivault::tokens
