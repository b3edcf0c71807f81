#include <algorithm>
#include <optional>
#include <utility>

#include "auth/sign.h"
#include "base/encoding.h"
#include "broker/broker_impl.h"
#include "broker/own_jwt.h"
#include "broker/random.h"
#include "broker/replay.h"
#include "tokens/mint.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;
using ExchangePtr = std::unique_ptr<upstream::Exchange>;

constexpr int kUnauthorized = 401;

upstream::Timeouts timeouts_of(const Call& call, std::shared_ptr<upstream::Withdrawal> withdrawal) {
  upstream::Timeouts timeouts;
  timeouts.withdrawal = std::move(withdrawal);
  if (call.timeout) timeouts.total = std::max(*call.timeout, std::chrono::milliseconds(1));
  return timeouts;
}

// The credential is fine; what is bound to the capability does not fit its auth.
Error explained(const std::string& binding, Error error) {
  if (!binding.empty() && error.reason == "secret_malformed") {
    error.message = "secret of binding '" + binding + "': " + error.message;
  }
  return error;
}

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

Result<void> Broker::Impl::use_own_jwt(const registry::JwtAuth& auth,
                                       const catalog::Credential& credential,
                                       const vault::OpenedSecret& secret,
                                       Material& material) {
  const auto key = credential.id + ' ' + secret.record.id.str() + ' ' +
                   std::to_string(secret.record.value_version);
  auto& kept = derived_.jwts;
  auto found = kept.find(key);
  if (found == kept.end() || found->second.use_until <= now()) {
    TRY_ASSIGN(auto made, make_own_jwt(auth, secret.value, credential.public_fields, now()));
    constexpr std::size_t kMaxKept = 64;  // Each lives in locked memory.
    if (kept.size() >= kMaxKept) kept.clear();
    found = kept.insert_or_assign(key, std::move(made)).first;
  }
  material.auth = found->second.auth;
  material.secret = found->second.fields.clone();
  material.forms = found->second.forms;
  material.version = secret.record.value_version;
  return {};
}

asio::awaitable<Result<Material>> Broker::Impl::material_of(const VaultPtr& vault,
                                                            Decision& decision,
                                                            EndRecord& record) {
  const auto& credential = *decision.credential;
  auto secret = vault->open_secret(decision.secret, decision.context, opener_of(credential));
  if (!secret) co_return fail(std::move(secret).error());
  Material material;
  if (!tokens::needs_token(credential.policy.auth, secret->value)) {
    if (const auto* jwt = std::get_if<registry::JwtAuth>(&credential.policy.auth)) {
      auto signed_token = use_own_jwt(*jwt, credential, *secret, material);
      if (!signed_token) co_return fail(explained(decision.binding, signed_token.error()));
      co_return material;
    }
    auto forms = scrub_forms(credential, *secret);
    if (!forms) co_return fail(explained(decision.binding, std::move(forms).error()));
    material.auth = credential.policy.auth;
    material.secret = std::move(secret->value);
    material.forms = *std::move(forms);
    material.version = secret->record.value_version;
    co_return material;
  }
  material.job = job_of(vault,
                        credential,
                        decision.secret,
                        decision.context,
                        options_.allow_non_default_ports,
                        record.event());
  secret->value = Secret();
  std::optional<OwnTime::Away> away(decision.own_time);
  auto good = co_await keeper_->obtain(material.job);
  away.reset();
  if (!good) co_return fail(explained(decision.binding, std::move(good).error()));
  if (!good->warning.empty()) record.note(good->warning);
  use_token(credential.policy.auth, std::move(good->token), material);
  co_return material;
}

asio::awaitable<Result<ExchangePtr>> Broker::Impl::send_once(const VaultPtr& vault,
                                                             const Call& call,
                                                             Decision& decision,
                                                             const policy::PlannedRequest& planned,
                                                             Material& material,
                                                             upstream::BodySource* body) {
  auth::SigningInput input;
  input.now = now();
  input.body = material.body;
  if (planned.upgrades()) input.websocket_key = base64(random_bytes());
  auto request = auth::sign(planned, material.auth, material.secret, input);
  if (!request) co_return fail(explained(decision.binding, std::move(request).error()));
  material.secret = Secret();  // The request holds the only copy from here on.
  if (!request->computed().empty()) {
    material.forms = policy::ScrubForms::with(std::move(material.forms), request->computed());
  }
  const auto& credential = *decision.credential;
  upstream::Destination destination;
  destination.pool_key = credential.id + ' ' + decision.secret.str() + ' ' +
                         std::to_string(material.version) + ' ' + std::to_string(call.caller.uid);
  destination.extra_ca_pem = credential.tls_ca_pem;

  // What was withdrawn while the call waited for its turn or a connection stays here.
  std::optional<std::int64_t> version;
  if (!material.token) version = material.version;
  auto may_go = [this, &vault, &call, &decision, version] {
    return check_unchanged(*vault, call, decision, version);
  };
  auto timeouts = timeouts_of(call, decision.withdrawal);
  const OwnTime::Away away(decision.own_time);
  auto exchange = co_await client_.send(
      *std::move(request), std::move(destination), body, std::move(timeouts), std::move(may_go));
  co_return exchange;
}

asio::awaitable<Result<ExchangePtr>> Broker::Impl::exchange(const VaultPtr& vault,
                                                            const Call& call,
                                                            Decision& decision,
                                                            const policy::PlannedRequest& planned,
                                                            Material& material,
                                                            EndRecord& record) {
  auto* source = decision.body.source.get();
  if (!material.token) {
    co_return co_await send_once(vault, call, decision, planned, material, source);
  }
  ReplayBody body(source);
  upstream::BodySource* sent = source == nullptr ? nullptr : &body;
  auto first = co_await send_once(vault, call, decision, planned, material, sent);
  if (!first || (*first)->head().status != kUnauthorized) co_return first;
  if (!keeper_->may_replace(*material.job)) co_return first;
  if (!body.can_replay()) {
    keeper_->refuse(*material.job, *material.token);
    record.note("401: the next call asks for another token");
    co_return first;
  }
  std::optional<OwnTime::Away> away(decision.own_time);
  auto good = co_await keeper_->replace(material.job, material.token);
  away.reset();
  if (!good) {
    if (good.error().reason == "setup_incomplete") co_return first;
    co_return fail(std::move(good).error());
  }
  first->reset();  // Nobody reads its body.
  record.note("401: sent again with another token");
  // The upstream has seen both tokens, and may repeat either. The new one need not know the old
  // one: another daemon may have asked for it.
  const auto refused = material.token;
  use_token(decision.credential->policy.auth, std::move(good->token), material);
  material.forms = policy::ScrubForms::with(std::move(material.forms), {&refused->access, 1});
  body.rewind();
  co_return co_await send_once(vault, call, decision, planned, material, sent);
}

}  // namespace aivault::broker
