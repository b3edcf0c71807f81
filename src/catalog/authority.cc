#include "catalog/authority.h"

#include <algorithm>

#include "policy/grant.h"

namespace aivault::catalog {
namespace {

tl::unexpected<Error> refused(const char* reason, const char* message) {
  return policy_violation(reason, message);
}

tl::unexpected<Error> bad_token(const char* reason, const char* message) {
  return fail(ErrorCode::token_invalid, reason, message);
}

tl::unexpected<Error> not_registered() {
  return refused("agent_not_registered", "caller is not a registered agent");
}

tl::unexpected<Error> no_context() { return refused("context_not_allowed", "context not granted"); }

Result<void> check_token(const Token& token, const Asker& asker, UnixMs now) {
  if (token.revoked_at) return bad_token("token_revoked", "proxy token revoked");
  if (token.expires_at <= now) return bad_token("token_expired", "proxy token expired");
  const bool foreign = token.uid ? *token.uid != asker.uid : asker.remote;
  if (foreign) return bad_token("token_binding", "proxy token not valid for this caller");
  return {};
}

// A record that cannot be relied on denies; one that has expired too.
Result<const Agent*> usable(const Agent* agent, UnixMs now) {
  if (agent == nullptr) return not_registered();
  if (agent->expires_at && *agent->expires_at <= now) {
    return refused("agent_expired", "agent has expired");
  }
  return agent;
}

}  // namespace

// One record, and what it leaves to the caller.
struct Authority::Layer {
  const std::vector<std::string>* patterns = nullptr;
  std::string workspace, group;
  const std::vector<std::string>* groups = nullptr;  // That may be named.
  const std::vector<Pin>* pins = nullptr;
  bool any_context = false;
  bool is_token = false;
  bool is_record = true;  // Not the default access.

  static Layer of(const Agent& agent) {
    return {&agent.capabilities, agent.workspace, agent.group, &agent.groups, &agent.credentials};
  }
  static Layer of(const Token& token) {
    Layer layer{&token.capabilities,
                token.context_value("workspaceId"),
                token.context_value("groupId"),
                nullptr,
                &token.credentials};
    layer.is_token = true;
    return layer;
  }

  // Fills in what is fixed, refuses what differs.
  Result<vault::Context> narrow(vault::Context context) const {
    if (any_context) return context;
    if (workspace.empty()) {
      if (!context.workspace.empty() || !context.group.empty()) return no_context();
      return context;
    }
    if (!context.workspace.empty() && context.workspace != workspace) return no_context();
    context.workspace = workspace;
    if (!group.empty()) {
      if (!context.group.empty() && context.group != group) return no_context();
      context.group = group;
    } else if (!context.group.empty() && !may_name(context.group)) {
      return no_context();
    }
    return context;
  }
  bool may_name(const std::string& wanted) const {
    return groups != nullptr && std::ranges::find(*groups, wanted) != groups->end();
  }
};

std::vector<Authority::Layer> Authority::layers() const {
  static const std::vector<std::string> everything = {"*"};
  std::vector<Layer> all;
  if (token_) {
    all.push_back(Layer::of(*token_));
    // A token that fixes no context leaves it to the record behind it.
    auto& layer = all.back();
    const bool is_of_agent = token_agent_ != nullptr || agent_ != nullptr;
    layer.any_context = layer.workspace.empty() && is_of_agent;
  }
  if (token_agent_ != nullptr) all.push_back(Layer::of(*token_agent_));
  if (agent_ != nullptr && agent_ != token_agent_) all.push_back(Layer::of(*agent_));
  if (peer_ == Peer::member) {
    Layer open;
    open.patterns = &everything;
    open.is_record = false;
    all.push_back(std::move(open));
  }
  return all;
}

Authority::Judgement Authority::judge(const registry::Capability& capability) const {
  bool is_named = peer_ == Peer::operator_uid && agent_ == nullptr;
  auto verdict = Judgement::granted;
  for (const auto& layer : layers()) {
    if (policy::grants(*layer.patterns, capability)) {
      is_named = is_named || layer.is_record;
    } else if (verdict == Judgement::granted) {
      verdict = layer.is_token ? Judgement::outside_token : Judgement::not_granted;
    }
  }
  return verdict == Judgement::granted || is_named ? verdict : Judgement::hidden;
}

bool Authority::holds(std::string_view pattern) const {
  return std::ranges::all_of(layers(), [pattern](const Layer& layer) {
    return policy::is_within(*layer.patterns, pattern);
  });
}

Result<vault::Context> Authority::context(std::string_view workspace,
                                          std::string_view group) const {
  vault::Context context{std::string(workspace), std::string(group)};
  // A group may be stated alone by whoever has its workspace from a record.
  for (const auto& layer : layers()) {
    TRY_ASSIGN(context, layer.narrow(std::move(context)));
  }
  return vault::make_context(context.workspace, context.group);
}

bool Authority::reaches(const vault::Scope& scope) const {
  using Kind = vault::Scope::Kind;
  if (scope.kind == Kind::global) return true;
  const auto reached = context(scope.workspace, scope.group);
  return reached && reached->workspace == scope.workspace &&
         (scope.kind == Kind::workspace || reached->group == scope.group);
}

std::optional<std::string> Authority::pinned(std::string_view provider) const {
  if (!token_) return std::nullopt;
  if (!token_->credential.empty()) return token_->credential;
  const auto found = std::ranges::find(token_->credentials, provider, &Pin::provider);
  return found == token_->credentials.end() ? std::nullopt : std::optional(found->credential);
}

Result<void> Authority::check_credential(std::string_view id, std::string_view provider) const {
  for (const auto& layer : layers()) {
    bool is_limited = layer.is_token && !token_->credential.empty();
    bool is_listed = is_limited && token_->credential == id;
    if (layer.pins != nullptr) {
      for (const auto& pin : *layer.pins) {
        if (pin.provider != provider) continue;
        is_limited = true;
        is_listed = is_listed || pin.credential == id;
      }
    }
    if (!is_limited || is_listed) continue;
    if (layer.is_token) {
      return refused("token_credential",
                     "token credential scope does not allow requested credential");
    }
    return fail(ErrorCode::credential_not_found, "unknown_credential", "credential not found");
  }
  return {};
}

bool Authority::is_read_only() const {
  return (agent_ != nullptr && agent_->read_only) ||
         (token_agent_ != nullptr && token_agent_->read_only);
}

std::vector<Authority::Rate> Authority::rates() const {
  std::vector<Rate> rates;
  const auto add = [&rates](const Agent* agent) {
    if (agent != nullptr && agent->rate_per_minute) {
      rates.push_back({agent->name, *agent->rate_per_minute});
    }
  };
  add(agent_);
  if (token_agent_ != agent_) add(token_agent_);
  return rates;
}

std::optional<UnixMs> Authority::expires_at() const {
  std::optional<UnixMs> first;
  const auto take = [&first](const std::optional<UnixMs>& when) {
    if (when && (!first || *when < *first)) first = when;
  };
  if (token_) take(token_->expires_at);
  if (agent_ != nullptr) take(agent_->expires_at);
  if (token_agent_ != nullptr) take(token_agent_->expires_at);
  return first;
}

Result<Authority> authority_of(std::shared_ptr<const Snapshot> snapshot,
                               const Asker& asker,
                               std::shared_ptr<const Token> token,
                               UnixMs now) {
  if (token) {
    TRY(check_token(*token, asker, now));
  } else if (asker.remote) {
    return bad_token("token_required", "proxy token required");
  }
  const auto& access = snapshot->access();
  Authority authority;
  authority.snapshot_ = snapshot;
  authority.token_ = std::move(token);
  if (authority.token_ && authority.token_->agent) {
    const auto* agent = access.agent_with_id(*authority.token_->agent);
    TRY_ASSIGN(authority.token_agent_, usable(agent, now));
  }
  if (access.is_refused(asker.uid)) return not_registered();
  if (const auto* agent = access.agent_of(asker.uid)) {
    TRY_ASSIGN(authority.agent_, usable(agent, now));
    // The record is about a person, not a number that somebody else has got meanwhile.
    if (agent->user != asker.user) return not_registered();
  }
  using Peer = Authority::Peer;
  if (asker.operates) {
    authority.peer_ = Peer::operator_uid;
  } else if (authority.agent_ != nullptr) {
    authority.peer_ = Peer::agent;
  } else {
    const bool is_member = access.default_access() == DefaultAccess::open && !asker.user.empty();
    if (!is_member) return not_registered();
  }
  return authority;
}

Result<Authority> find_authority(vault::Vault& vault,
                                 MintedTokens& minted,
                                 std::shared_ptr<const Snapshot> snapshot,
                                 const Asker& asker,
                                 const Secret* token,
                                 UnixMs now) {
  std::shared_ptr<const Token> found;
  if (token != nullptr) {
    TRY_ASSIGN(const auto hash, vault.token_hash(*token));
    found = snapshot->access().find_token(hash);
    if (!found) found = minted.find(hash);
    if (!found) return bad_token("token_unknown", "proxy token not found");
  }
  auto id = found ? found->id : std::string();
  TRY_ASSIGN(auto authority, authority_of(std::move(snapshot), asker, std::move(found), now));
  if (!id.empty()) minted.note_use(std::move(id), now);
  return authority;
}

}  // namespace aivault::catalog
