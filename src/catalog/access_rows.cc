#include "catalog/access_rows.h"

#include <algorithm>

#include "base/text.h"
#include "catalog/stored_fields.h"
#include "json/write.h"
#include "policy/grant.h"

namespace aivault::catalog {
namespace {

using json::Value;

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

Value texts(const std::vector<std::string>& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

Value to_json(const std::vector<Pin>& pins) {
  Value array = Value::array();
  for (const auto& pin : pins) {
    array.push(Value::object({{"credential", pin.credential}, {"provider", pin.provider}}));
  }
  return array;
}

Result<std::vector<Pin>> pins_in(const StoredFields& fields) {
  std::vector<Pin> pins;
  const auto* found = fields.find("credentials");
  if (found == nullptr) return pins;
  if (!found->is(json::Kind::array)) return invalid("'credentials' must be a list");
  for (const auto& item : found->items()) {
    TRY_ASSIGN(const auto entry, StoredFields::of(item, {"credential", "provider"}));
    Pin pin;
    TRY_ASSIGN(pin.credential, entry.text("credential"));
    TRY_ASSIGN(pin.provider, entry.text("provider"));
    if (pin.credential.empty() || pin.provider.empty()) return invalid("an empty credential");
    pins.push_back(std::move(pin));
  }
  return pins;
}

// What was stored is checked again: a pattern that means something else today must not.
Result<std::vector<std::string>> patterns_in(const StoredFields& fields) {
  TRY_ASSIGN(auto patterns, fields.texts("capabilities"));
  for (auto& pattern : patterns) {
    TRY_ASSIGN(pattern, policy::check_pattern(pattern));
  }
  return patterns;
}

Result<std::map<std::string, std::string>> context_in(const StoredFields& fields) {
  std::map<std::string, std::string> context;
  const auto* found = fields.find("context");
  if (found == nullptr) return context;
  if (!found->is(json::Kind::object)) return invalid("'context' must be an object");
  for (const auto& member : found->members()) {
    if (!member.value.is(json::Kind::string)) return invalid("'context' must hold texts");
    context.emplace(member.key, member.value.text());
  }
  return context;
}

}  // namespace

vault::SettingRow to_row(DefaultAccess access, UnixMs now) {
  const auto body = Value::object({{"defaultAccess", to_string(access)}});
  return {std::string(kAccessSetting), json::compact(body), now};
}

Result<DefaultAccess> parse_default_access(std::string_view body) {
  TRY_ASSIGN(const auto fields, StoredFields::open(body, {"defaultAccess"}));
  TRY_ASSIGN(const auto name, fields.text("defaultAccess"));
  const auto access = default_access_named(name);
  if (!access) return invalid("'defaultAccess' must be open or closed");
  return *access;
}

Result<void> check_agent_name(std::string_view name) {
  constexpr std::size_t kMax = 128;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!name.empty() && name.size() <= kMax && std::ranges::all_of(name, fits)) return {};
  return invalid("agent name '" + quote_for_message(name, 64) +
                 "' must have 1 to 128 characters of A-Z a-z 0-9 . _ -");
}

Result<Agent> parse_agent(const vault::AgentRow& row) {
  TRY_ASSIGN(const auto fields,
             StoredFields::open(row.body,
                                {"user",
                                 "workspaceId",
                                 "groupId",
                                 "groups",
                                 "credentials",
                                 "capabilities",
                                 "readOnly",
                                 "rateLimitPerMinute"}));
  Agent agent;
  agent.id = row.id();
  agent.name = row.name;
  agent.uid = row.uid;
  TRY_ASSIGN(agent.user, fields.text("user"));
  TRY_ASSIGN(agent.workspace, fields.text("workspaceId"));
  TRY_ASSIGN(agent.group, fields.text("groupId"));
  TRY(vault::make_context(agent.workspace, agent.group));
  TRY_ASSIGN(agent.groups, fields.texts("groups"));
  TRY_ASSIGN(agent.credentials, pins_in(fields));
  TRY_ASSIGN(agent.capabilities, patterns_in(fields));
  TRY_ASSIGN(agent.read_only, fields.flag("readOnly"));
  TRY_ASSIGN(agent.rate_per_minute, fields.integer("rateLimitPerMinute"));
  agent.expires_at = row.expires_at;
  agent.created_at = row.created_at;
  agent.updated_at = row.updated_at;
  return agent;
}

vault::AgentRow to_row(const Agent& agent) {
  auto body = Value::object();
  if (!agent.user.empty()) body.set("user", agent.user);
  if (!agent.workspace.empty()) body.set("workspaceId", agent.workspace);
  if (!agent.group.empty()) body.set("groupId", agent.group);
  if (!agent.groups.empty()) body.set("groups", texts(agent.groups));
  if (!agent.credentials.empty()) body.set("credentials", to_json(agent.credentials));
  body.set("capabilities", texts(agent.capabilities));
  if (agent.read_only) body.set("readOnly", true);
  if (agent.rate_per_minute) body.set("rateLimitPerMinute", *agent.rate_per_minute);
  return {agent.name,
          agent.uid,
          json::compact(body),
          agent.expires_at,
          agent.created_at,
          agent.updated_at};
}

Result<Token> parse_token(const vault::TokenRow& row) {
  TRY_ASSIGN(const auto fields,
             StoredFields::open(row.body,
                                {"uid", "capabilities", "credential", "credentials", "context"}));
  Token token;
  token.id = row.id;
  token.agent = row.agent;
  TRY_ASSIGN(token.uid, fields.integer("uid"));
  TRY_ASSIGN(token.capabilities, patterns_in(fields));
  TRY_ASSIGN(token.credential, fields.text("credential"));
  TRY_ASSIGN(token.credentials, pins_in(fields));
  TRY_ASSIGN(token.context, context_in(fields));
  token.created_at = row.created_at;
  token.expires_at = row.expires_at;
  token.revoked_at = row.revoked_at;
  return token;
}

vault::TokenRow to_row(const Token& token, std::string hash) {
  auto body = Value::object();
  if (token.uid) body.set("uid", *token.uid);
  body.set("capabilities", texts(token.capabilities));
  if (!token.credential.empty()) body.set("credential", token.credential);
  if (!token.credentials.empty()) body.set("credentials", to_json(token.credentials));
  if (!token.context.empty()) {
    auto context = Value::object();
    for (const auto& [key, value] : token.context) context.set(key, value);
    body.set("context", std::move(context));
  }
  return {token.id,
          std::move(hash),
          token.agent,
          json::compact(body),
          token.created_at,
          token.expires_at,
          token.revoked_at};
}

}  // namespace aivault::catalog
