// Row 1, and what runs as long as it holds: who calls, with which rights, and whether they last.
#include <chrono>
#include <utility>

#include "broker/broker_impl.h"
#include "broker/disabled.h"
#include "policy/read_only.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;
constexpr std::chrono::milliseconds kReview(250);

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// Not of a vault that is locked or busy: what has begun then goes on.
bool is_about_rights(const Error& error) {
  using enum ErrorCode;
  return error.code == policy_violation || error.code == token_invalid ||
         error.code == capability_not_found || error.code == credential_not_found;
}

}  // namespace

catalog::Asker asker_of(const Caller& caller) {
  return {.uid = caller.uid,
          .user = caller.user,
          .operates = caller.is_operator && caller.door != Door::agent_socket,
          .remote = caller.door == Door::tcp};
}

void note_identity(const catalog::Authority& authority, audit::Event& event) {
  if (const auto* agent = authority.agent()) {
    event.actor = "agent";
    event.agent = agent->name;
  }
  const auto* token = authority.token();
  if (token == nullptr) return;
  event.token_id = token->id;
  if (event.actor == "operator") event.actor = "caller";
}

Result<catalog::Authority> Broker::Impl::authority_now(vault::Vault& vault,
                                                       const Caller& caller,
                                                       const Secret* token) {
  TRY_ASSIGN(auto snapshot, current_snapshot(vault));
  return catalog::find_authority(
      vault, catalog_.minted(), std::move(snapshot), asker_of(caller), token, now());
}

Result<catalog::Authority> Broker::Impl::authority(const Caller& caller, const Secret* token) {
  const auto vault = slot_.peek();
  if (!vault) return vault_unavailable("vault_locked", "vault locked");
  return authority_now(*vault, caller, token);
}

Result<std::shared_ptr<const catalog::Authority>> Broker::Impl::authority_of(vault::Vault& vault,
                                                                             const Call& call,
                                                                             audit::Event& event) {
  TRY_ASSIGN(auto found, authority_now(vault, call.caller, call.token.get()));
  auto authority = std::make_shared<const catalog::Authority>(std::move(found));
  note_identity(*authority, event);
  return authority;
}

Result<void> Broker::Impl::check_allowed(const catalog::Authority& authority,
                                         const Claim& claim) const {
  const auto& snapshot = *authority.snapshot();
  const auto* capability = snapshot.find_capability(claim.capability);
  if (capability == nullptr || !authority.grants(*capability)) {
    return unknown_capability(claim.capability);
  }
  TRY_ASSIGN(const auto context, authority.context(claim.workspace, claim.group));
  if (context != claim.context) {
    return policy_violation("context_not_allowed", "context not granted");
  }
  if (authority.is_read_only() && !claim.reads) {
    return policy_violation("agent_read_only", "agent is read-only");
  }
  TRY(authority.check_credential(claim.credential, capability->provider));
  const auto* credential = snapshot.find_credential(claim.credential);
  if (credential == nullptr || !credential->enabled) {
    return fail(ErrorCode::credential_not_found, "unknown_credential", "credential not found");
  }
  TRY(check_enabled(snapshot, capability->id));
  return check_overlaps(snapshot, *capability, claim.reach);
}

asio::awaitable<Result<void>> Broker::Impl::judge_body(Decision& decision) {
  const bool undecided = decision.authority->is_read_only() &&
                         policy::is_graphql_call(*decision.capability, decision.approved.method());
  if (!undecided) co_return Result<void>();
  const auto* type = http::find(decision.approved.headers(), "content-type");
  const auto content_type = type != nullptr ? *type : std::string();
  auto body = co_await hold_whole(decision.body, "the query of a read-only agent is read");
  if (!body) co_return fail(std::move(body).error());
  co_return policy::check_read_only_graphql(content_type, *body);
}

void Broker::Impl::end_held_token(const Caller& caller, const std::string& id) {
  if (!catalog_.minted().revoke(id, caller.uid, now())) return;
  review();
  const auto vault = slot_.peek();
  if (!vault) return;
  auto event = event_of(caller, "");
  event.kind = "token.revoke";
  event.token_id = id;
  event.note = "its connection was closed";
  vault->record(std::move(event), [](const Result<void>&) {});
}

void Broker::Impl::watch() {
  if (std::exchange(*watching_, true)) return;
  watch_.expires_after(kReview);
  watch_.async_wait([this, alive = std::weak_ptr(watching_)](const boost::system::error_code& no) {
    const auto watching = alive.lock();
    if (no || !watching) return;  // The broker is gone.
    *watching = false;
    review();
    if (running_.running() > 0) watch();
  });
}

void Broker::Impl::end_sockets() {
  for (const auto& call : running_.decided()) {
    if (!call.ends_with_lock) continue;
    call.withdrawal->withdraw(
        Error{ErrorCode::vault_unavailable, "vault_locked", "vault locked", 0});
  }
}

void Broker::Impl::review() {
  const auto vault = slot_.peek();
  if (!vault) return end_sockets();
  const auto snapshot = current_snapshot(*vault);
  if (!snapshot) return;
  const auto revocations = catalog_.minted().revocations();
  const bool changed = *snapshot != reviewed_ || revocations != reviewed_revocations_;
  reviewed_ = *snapshot;
  reviewed_revocations_ = revocations;
  for (const auto& [claim, withdrawal, ends_with_lock] : running_.decided()) {
    const bool expired = claim->expires_at && *claim->expires_at <= now();
    if (!changed && !expired) continue;
    const auto authority = authority_now(*vault, claim->caller, claim->token.get());
    auto allowed =
        authority ? check_allowed(*authority, *claim) : Result<void>(fail(authority.error()));
    if (!allowed && is_about_rights(allowed.error())) {
      withdrawal->withdraw(std::move(allowed).error());
    }
  }
}

}  // namespace aivault::broker
