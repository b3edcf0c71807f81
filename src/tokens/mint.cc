#include "tokens/mint.h"

#include <utility>
#include <vector>

#include "auth/material.h"
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

Result<Prepared> prepare(const Job& job, const registry::OAuth2Auth& auth, const Secret& secret) {
  TRY_ASSIGN(const auto parsed, OAuthSecret::parse(secret));
  TRY(check_client(auth, parsed));
  TRY_ASSIGN(auto endpoint, endpoint_of(auth, parsed, job.tenant_host, job.rules));
  TRY_ASSIGN(auto request, grant_request(auth, {parsed, secret, ""}));
  return Prepared{std::move(endpoint), std::move(request)};
}

Result<Prepared> prepare_any(const Job& job, const Secret& secret) {
  if (const auto* oauth = std::get_if<registry::OAuth2Auth>(&job.auth)) {
    return prepare(job, *oauth, secret);
  }
  return policy_violation("auth_config", "this credential needs no token");
}

Result<NewTokens> tokens_of(const Reply& reply, UnixMs at) {
  TRY_ASSIGN(auto answer, read_token_answer(reply));
  NewTokens tokens;
  tokens.access = std::move(answer.access);
  tokens.refresh = std::move(answer.refresh);
  tokens.obtained = at;
  tokens.expires = at + std::chrono::seconds(answer.lifetime_s);
  return tokens;
}

}  // namespace

bool needs_token(const registry::AuthSpec& auth, const Secret& /*secret*/) {
  return std::holds_alternative<registry::OAuth2Auth>(auth);
}

asio::awaitable<tl::expected<Minted, Failure>> mint(upstream::Client& client,
                                                    const Job& job,
                                                    const Secret& secret,
                                                    std::string version) {
  auto prepared = prepare_any(job, secret);
  if (!prepared) {
    co_return tl::unexpected<Failure>(Failure{Cause::refused, std::move(prepared).error()});
  }
  auto values = auth::secret_set(job.auth, secret, job.public_fields);
  if (!values) {
    co_return tl::unexpected<Failure>(Failure{Cause::refused, std::move(values).error()});
  }
  const Requester requester{job.credential, job.extra_ca_pem, std::move(version)};
  const auto at = now();  // The life of a token counts from before it was asked for.
  auto reply = co_await exchange(client, prepared->endpoint, prepared->request, requester);
  if (!reply) co_return tl::unexpected<Failure>(failure_of(std::move(reply).error()));
  if (!reply->ok()) {
    co_return tl::unexpected<Failure>(failure_of(*reply, policy::ScrubForms::of(*values)));
  }
  auto tokens = tokens_of(*reply, at);
  if (!tokens) {
    co_return tl::unexpected<Failure>(Failure{Cause::refused, std::move(tokens).error()});
  }
  co_return Minted{*std::move(tokens)};
}

}  // namespace aivault::tokens
