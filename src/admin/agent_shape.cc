#include "admin/agent_shape.h"

#include <chrono>

#include "admin/shapes.h"

namespace aivault::admin {
namespace {

using json::Value;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Value id_or_null(const std::string& text) { return text.empty() ? Value() : Value(text); }

Value time_or_null(const std::optional<UnixMs>& time) {
  return time ? Value(to_int(*time)) : Value();
}

}  // namespace

std::vector<const catalog::Token*> tokens_of(const catalog::Access& access,
                                             const catalog::Agent& agent) {
  const auto at = now();
  std::vector<const catalog::Token*> tokens;
  for (const auto& token : access.tokens()) {
    if (token->agent != agent.id || token->revoked_at || token->expires_at <= at) continue;
    tokens.push_back(token.get());
  }
  return tokens;
}

Value to_json(const catalog::Agent& agent,
              const std::vector<const catalog::Token*>& tokens,
              const catalog::MintedTokens& uses) {
  Value list = Value::array();
  for (const auto* token : tokens) {
    list.push(Value::object({{"tokenId", token->id},
                             {"createdAtMs", to_int(token->created_at)},
                             {"expiresAtMs", to_int(token->expires_at)},
                             {"lastUsedAtMs", time_or_null(uses.last_use(token->id))}}));
  }
  auto result = Value::object({{"name", agent.name},
                               {"user", id_or_null(agent.user)},
                               {"uid", agent.uid},
                               {"workspaceId", id_or_null(agent.workspace)},
                               {"groupId", id_or_null(agent.group)},
                               {"capabilities", texts(agent.capabilities)},
                               {"readOnly", agent.read_only},
                               {"rateLimitPerMinute", agent.rate_per_minute},
                               {"createdAtMs", to_int(agent.created_at)},
                               {"updatedAtMs", to_int(agent.updated_at)},
                               {"expiresAtMs", time_or_null(agent.expires_at)},
                               {"tokens", std::move(list)}});
  if (!agent.groups.empty()) result.set("groups", texts(agent.groups));
  if (!agent.credentials.empty()) {
    std::vector<std::string> ids;
    for (const auto& pin : agent.credentials) ids.push_back(pin.credential);
    result.set("credentials", texts(ids));
  }
  return result;
}

Value to_json(const catalog::Token& token, const catalog::MintedTokens& uses) {
  std::vector<std::string> credentials;
  if (!token.credential.empty()) credentials.push_back(token.credential);
  for (const auto& pin : token.credentials) credentials.push_back(pin.credential);
  return Value::object(
      {{"tokenId", token.id},
       {"agent", token.agent ? Value(vault::name_of_agent(*token.agent)) : Value()},
       {"uid", token.uid},
       {"capabilities", texts(token.capabilities)},
       {"credentials", texts(credentials)},
       {"createdAtMs", to_int(token.created_at)},
       {"expiresAtMs", to_int(token.expires_at)},
       {"lastUsedAtMs", time_or_null(uses.last_use(token.id))},
       {"hold", token.hold}});
}

std::string agent_name_of(const catalog::Access& access, std::int64_t uid) {
  const auto* agent = access.agent_of(uid);
  return agent != nullptr ? agent->name : "(damaged)";
}

}  // namespace aivault::admin
