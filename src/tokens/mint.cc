#include "tokens/mint.h"

#include <utility>
#include <vector>

#include "auth/material.h"
#include "base/rfc3339.h"
#include "tokens/assertion.h"
#include "tokens/exchange.h"
#include "tokens/grant.h"

namespace aivault::tokens {
namespace {

namespace asio = boost::asio;

// A request that is ready to go.
struct Prepared {
  policy::TokenEndpoint endpoint;
  TokenRequest request;
};

UnixMs now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Result<Prepared> prepare(const Job& job,
                         const registry::OAuth2Auth& auth,
                         const Secret& secret,
                         UnixMs at) {
  TRY_ASSIGN(const auto parsed, OAuthSecret::parse(secret));
  TRY(check_client(auth, parsed));
  TRY_ASSIGN(auto endpoint, endpoint_of(auth, parsed, job.tenant_host, job.rules));
  Secret assertion;
  if (auth.grant_type == registry::GrantType::jwt_bearer) {
    const auto audience = "https://" + endpoint.authority().text() + endpoint.target().wire();
    const auto config = auth.assertion.value_or(registry::JwtAuth());
    TRY_ASSIGN(assertion, bearer_assertion(config, secret, audience, at));
  }
  TRY_ASSIGN(auto request, grant_request(auth, {parsed, secret, assertion}));
  return Prepared{std::move(endpoint), std::move(request)};
}

Result<Prepared> prepare(const Job& /*job*/,
                         const registry::JwtAuth& auth,
                         const Secret& secret,
                         UnixMs at) {
  TRY_ASSIGN(auto request, google_request(auth, secret, at));
  TRY_ASSIGN(auto endpoint,
             policy::check_token_endpoint(kGoogleEndpoint, {{"oauth2.googleapis.com"}}));
  return Prepared{std::move(endpoint), std::move(request)};
}

Result<Prepared> prepare(const Job& /*job*/,
                         const registry::GithubAppAuth& auth,
                         const Secret& secret,
                         UnixMs at) {
  TRY_ASSIGN(auto made, github_request(auth, secret, at));
  TRY_ASSIGN(auto endpoint, policy::check_token_endpoint(made.url, {{"api.github.com"}}));
  return Prepared{std::move(endpoint), std::move(made.request)};
}

template <typename Auth>
Result<Prepared> prepare(const Job& /*job*/,
                         const Auth& /*auth*/,
                         const Secret& /*secret*/,
                         UnixMs /*at*/) {
  return policy_violation("auth_config", "this credential needs no token");
}

// "token" and "expires_at" of GitHub.
Result<NewTokens> installation_token_of(const Reply& reply, UnixMs at) {
  const auto token = reply.text("token");
  const auto expires = reply.text("expires_at");
  const auto moment = expires ? parse_rfc3339(*expires) : std::nullopt;
  if (!token || token->empty() || !moment) {
    return fail(ErrorCode::auth_failed,
                "token_mint_failed",
                "the answer for an installation of the GitHub App holds no token");
  }
  NewTokens tokens;
  tokens.access = Secret::copy_of(*token);
  tokens.obtained = at;
  tokens.expires = *moment;
  return tokens;
}

// A refusal of GitHub, in the words of its own reason.
Failure explained(const Job& job, Failure failure) {
  if (!std::holds_alternative<registry::GithubAppAuth>(job.auth)) return failure;
  if (failure.cause == Cause::transient) return failure;
  failure.cause = Cause::refused;
  failure.error.reason = "token_mint_failed";
  return failure;
}

std::int64_t usual_lifetime(const registry::AuthSpec& auth) {
  const auto* oauth = std::get_if<registry::OAuth2Auth>(&auth);
  return oauth == nullptr ? kUsualLifetime : oauth->default_ttl_s;
}

Result<NewTokens> tokens_of(const Reply& reply, const registry::AuthSpec& auth, UnixMs at) {
  TRY_ASSIGN(auto answer, read_token_answer(reply, usual_lifetime(auth)));
  NewTokens tokens;
  tokens.access = std::move(answer.access);
  tokens.refresh = std::move(answer.refresh);
  tokens.obtained = at;
  tokens.expires = at + std::chrono::seconds(answer.lifetime_s);
  return tokens;
}

}  // namespace

bool needs_token(const registry::AuthSpec& auth, const Secret& secret) {
  if (const auto* jwt = std::get_if<registry::JwtAuth>(&auth)) {
    return is_google_exchange(*jwt, secret);
  }
  return std::holds_alternative<registry::OAuth2Auth>(auth) ||
         std::holds_alternative<registry::GithubAppAuth>(auth);
}

asio::awaitable<tl::expected<Minted, Failure>> mint(upstream::Client& client,
                                                    const Job& job,
                                                    const Secret& secret,
                                                    std::string version) {
  const auto at = now();  // The life of a token counts from before it was asked for.
  auto prepared =
      std::visit([&](const auto& auth) { return prepare(job, auth, secret, at); }, job.auth);
  if (!prepared) {
    co_return tl::unexpected<Failure>(Failure{Cause::refused, std::move(prepared).error()});
  }
  auto values = auth::secret_set(job.auth, secret, job.public_fields);
  if (!values) {
    co_return tl::unexpected<Failure>(Failure{Cause::refused, std::move(values).error()});
  }
  const std::string host = prepared->endpoint.authority().host();
  const auto failed = [&host](Failure failure) {
    failure.host = host;
    return tl::unexpected<Failure>(std::move(failure));
  };
  const Requester requester{job.credential, job.extra_ca_pem, std::move(version)};
  auto reply = co_await exchange(client, prepared->endpoint, prepared->request, requester);
  if (!reply) co_return failed(failure_of(std::move(reply).error()));
  if (!reply->ok()) {
    const auto forms = policy::ScrubForms::of(*values);
    co_return failed(explained(job, failure_of(*reply, forms)));
  }
  const bool is_github = std::holds_alternative<registry::GithubAppAuth>(job.auth);
  auto tokens = is_github ? installation_token_of(*reply, at) : tokens_of(*reply, job.auth, at);
  if (!tokens) co_return failed({Cause::refused, std::move(tokens).error()});
  co_return Minted{*std::move(tokens), host};
}

}  // namespace aivault::tokens
