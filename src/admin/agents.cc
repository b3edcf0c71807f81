#include <algorithm>
#include <chrono>

#include "admin/agent_shape.h"
#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "base/text.h"
#include "catalog/access.h"
#include "platform/users.h"
#include "policy/grant.h"

namespace aivault::admin {
namespace {

using catalog::Agent;
using catalog::DefaultAccess;
using json::Value;

constexpr std::int64_t kMaxRate = 1'000'000;
constexpr std::size_t kMaxGroups = 1'000;

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

tl::unexpected<Error> no_agent(const std::string& name) {
  return not_found("agent '" + quote_for_message(name) + "' not found");
}

std::string name_in(const Request& request) { return std::string(trim(request.ids.front())); }

audit::Event event_of(const Request& request, std::string kind, const Agent& agent) {
  auto event = catalog::event_of(who(request), std::move(kind));
  event.agent = agent.name;
  event.workspace_id = agent.workspace;
  event.group_id = agent.group;
  event.note = catalog::to_row(agent).body;
  if (agent.expires_at) event.note += " expires " + std::to_string(to_int(*agent.expires_at));
  return event;
}

Result<void> add_patterns(const std::vector<std::string>& wanted, Agent& agent) {
  for (const auto& text : wanted) {
    TRY_ASSIGN(auto pattern, policy::check_pattern(text));
    auto& held = agent.capabilities;
    if (std::ranges::find(held, pattern) == held.end()) held.push_back(std::move(pattern));
  }
  if (agent.capabilities.size() > policy::kMaxPatterns) return invalid("at most 1000 patterns");
  return {};
}

Result<std::optional<std::int64_t>> rate_in(const Body& body) {
  TRY_ASSIGN(const auto rate, body.integer("rateLimitPerMinute"));
  if (rate && (*rate < 0 || *rate > kMaxRate)) {
    return invalid("'rateLimitPerMinute' must be 0 to 1000000");
  }
  return rate;
}

Result<std::optional<UnixMs>> expiry_in(const Body& body) {
  TRY_ASSIGN(const auto at, body.integer("expiresAtMs"));
  if (at && *at <= 0) return invalid("'expiresAtMs' must be positive");
  return at ? std::optional(from_int(*at)) : std::nullopt;
}

Result<std::vector<std::string>> groups_in(const Body& body, const Agent& agent) {
  TRY_ASSIGN(auto groups, body.texts("groups"));
  if (groups.empty()) return groups;
  if (agent.workspace.empty())
    return invalid("groups need a workspace: --workspace-id is required");
  if (!agent.group.empty()) return invalid("an agent of one group can name no other");
  if (groups.size() > kMaxGroups) return invalid("at most 1000 groups");
  for (const auto& group : groups) TRY(vault::make_context(agent.workspace, group));
  return groups;
}

// As `--credential`: what is listed must be there, so that a slip of the pen limits nothing else.
Result<std::vector<catalog::Pin>> pins_in(const Body& body, const catalog::Snapshot& snapshot) {
  std::vector<catalog::Pin> pins;
  TRY_ASSIGN(const auto ids, body.texts("credentials"));
  for (const auto& text : ids) {
    const std::string id(trim(text));
    const auto* credential = snapshot.find_credential(id);
    if (credential == nullptr || credential->provider.empty()) {
      return fail(ErrorCode::credential_not_found,
                  "unknown_credential",
                  "credential not found: '" + quote_for_message(id) + "'");
    }
    pins.push_back({credential->provider, credential->id});
  }
  return pins;
}

Result<void> bind_user(const Body& body, const catalog::Access& access, Agent& agent) {
  TRY_ASSIGN(agent.user, body.text_or_empty("user"));
  if (agent.user.empty()) return {};
  const auto user = platform::user_named(agent.user);
  if (!user) return invalid("user '" + quote_for_message(agent.user) + "' does not exist");
  if (access.agent_of(user->uid) != nullptr || access.is_refused(user->uid)) {
    return already_exists("user '" + agent.user + "' already has agent '" +
                          agent_name_of(access, user->uid) + "'");
  }
  agent.uid = user->uid;
  return {};
}

Result<Agent> agent_in(const Body& body, const catalog::Snapshot& snapshot) {
  Agent agent;
  TRY_ASSIGN(agent.name, body.text_or_empty("name"));
  TRY(catalog::check_agent_name(agent.name));
  const auto& access = snapshot.access();
  if (access.find_agent(agent.name) != nullptr) {
    return already_exists("agent '" + agent.name + "' already exists");
  }
  TRY(bind_user(body, access, agent));
  TRY_ASSIGN(const auto workspace, body.text_or_empty("workspaceId"));
  TRY_ASSIGN(const auto group, body.text_or_empty("groupId"));
  TRY_ASSIGN(const auto context, vault::make_context(workspace, group));
  agent.workspace = context.workspace;
  agent.group = context.group;
  TRY_ASSIGN(agent.groups, groups_in(body, agent));
  TRY_ASSIGN(agent.credentials, pins_in(body, snapshot));
  TRY_ASSIGN(const auto patterns, body.texts("capabilities"));
  TRY(add_patterns(patterns, agent));
  TRY_ASSIGN(agent.read_only, body.flag("readOnly"));
  TRY_ASSIGN(agent.rate_per_minute, rate_in(body));
  TRY_ASSIGN(agent.expires_at, expiry_in(body));
  return agent;
}

void close_access(vault::Change& change, const Request& request) {
  auto event = catalog::event_of(who(request), "agent.default_access");
  event.note = "closed, with the first agent";
  change.record(std::move(event));
}

Result<void> change_in(const Body& body, Agent& agent) {
  TRY_ASSIGN(const auto added, body.texts("addCapabilities"));
  TRY(add_patterns(added, agent));
  TRY_ASSIGN(const auto removed, body.texts("removeCapabilities"));
  for (const auto& text : removed) std::erase(agent.capabilities, std::string(trim(text)));
  if (body.has("readOnly")) {
    TRY_ASSIGN(agent.read_only, body.flag("readOnly"));
  }
  if (body.has("rateLimitPerMinute")) {
    TRY_ASSIGN(agent.rate_per_minute, rate_in(body));
  }
  if (body.has("expiresAtMs")) {
    TRY_ASSIGN(agent.expires_at, expiry_in(body));
  }
  return {};
}

// Ids of the tokens of `agent` that the request takes back.
Result<std::vector<std::string>> revoked_in(const Body& body,
                                            const Agent& agent,
                                            const catalog::Access& access) {
  TRY_ASSIGN(const auto named, body.texts("revokeTokens"));
  TRY_ASSIGN(const bool all, body.flag("revokeAllTokens"));
  std::vector<std::string> ids;
  for (const auto* token : tokens_of(access, agent)) {
    if (all || std::ranges::find(named, token->id) != named.end()) ids.push_back(token->id);
  }
  for (const auto& id : named) {
    if (std::ranges::find(ids, id) == ids.end()) {
      return not_found("token '" + quote_for_message(id) + "' not found");
    }
  }
  return ids;
}

Result<void> revoke(vault::Change& change, const Request& request, const std::string& id) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(auto rows, change.tokens(damaged));
  const auto found = std::ranges::find(rows, id, &vault::TokenRow::id);
  if (found == rows.end() || found->revoked_at) return {};
  found->revoked_at = change.now();
  TRY(change.put(*found));
  auto event = catalog::event_of(who(request), "token.revoke");
  event.token_id = id;
  if (found->agent) event.agent = vault::name_of_agent(*found->agent);
  change.record(std::move(event));
  return {};
}

// Of a record that can be read or not, with its tokens. The ids of rows that are in the way.
struct Doomed {
  std::vector<std::string> agents, tokens;
};
Result<Doomed> find_doomed(vault::Reader& reader, const std::string& name) {
  Doomed doomed;
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto agents, reader.agents(damaged));
  for (const auto& row : agents) {
    if (row.name == name) doomed.agents.push_back(row.id());
  }
  for (const auto& problem : damaged) {
    if (vault::name_of_agent(problem.id) == name) doomed.agents.push_back(problem.id);
  }
  damaged.clear();
  TRY_ASSIGN(const auto tokens, reader.tokens(damaged));
  for (const auto& row : tokens) {
    if (row.agent && vault::name_of_agent(*row.agent) == name) doomed.tokens.push_back(row.id);
  }
  // Of a token that cannot be read nobody knows whose it is; it serves nobody.
  if (!doomed.agents.empty()) {
    for (const auto& problem : damaged) doomed.tokens.push_back(problem.id);
  }
  return doomed;
}

std::string afterwards(const catalog::Agent* agent, DefaultAccess access) {
  const std::string whom =
      agent != nullptr && agent->uid ? "user '" + agent->user + "'" : "callers";
  return access == DefaultAccess::open
             ? "Default access is open: " + whom +
                   " without an agent may now invoke every ready capability but those that need a "
                   "grant of their own. `aivault agent default-access closed` ends that."
             : "Default access is closed: " + whom + " without an agent may do nothing.";
}

}  // namespace

Result<Answer> list_agents(Desk& desk, const Request&) {
  TRY_ASSIGN(auto records, Records::open(desk));
  TRY_ASSIGN(const auto snapshot, records.snapshot());
  const auto& access = snapshot->access();
  Value items = Value::array();
  for (const auto& agent : access.agents()) {
    items.push(to_json(agent, tokens_of(access, agent), desk.catalog.minted()));
  }
  auto damaged = records.warnings();
  std::ranges::copy_if(snapshot->problems(), std::back_inserter(damaged), [](const auto& problem) {
    return problem.kind == "agent" || problem.kind == "token";
  });
  return shape(list_of(std::move(items), Value(), damaged));
}

Result<Answer> show_agent(Desk& desk, const Request& request) {
  const auto name = name_in(request);
  TRY_ASSIGN(auto records, Records::open(desk));
  TRY_ASSIGN(const auto snapshot, records.snapshot());
  const auto& access = snapshot->access();
  const auto* agent = access.find_agent(name);
  if (agent == nullptr) return no_agent(name);
  return shape(to_json(*agent, tokens_of(access, *agent), desk.catalog.minted()));
}

Result<Answer> create_agent(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"name",
                         "user",
                         "workspaceId",
                         "groupId",
                         "groups",
                         "credentials",
                         "capabilities",
                         "readOnly",
                         "rateLimitPerMinute",
                         "expiresAtMs"}));
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  Agent agent;
  bool closes = false;
  // Decided inside the change: two at once make one agent.
  TRY(vault->change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(const auto snapshot, catalog::Catalog::of(change));
    const auto& access = snapshot->access();
    TRY_ASSIGN(agent, agent_in(body, *snapshot));
    TRY_ASSIGN(const auto in_the_way, find_doomed(change, agent.name));
    if (!in_the_way.agents.empty()) {
      return already_exists("agent '" + agent.name +
                            "' already exists and its row is damaged: " + "delete it first");
    }
    closes = access.agents().empty() && access.default_access() == DefaultAccess::open;
    agent.created_at = agent.updated_at = change.now();
    agent.id = catalog::to_row(agent).id();
    TRY(change.put(catalog::to_row(agent)));
    change.record(event_of(request, "agent.create", agent));
    if (!closes) return {};
    TRY(change.put(catalog::to_row(DefaultAccess::closed, change.now())));
    close_access(change, request);
    return {};
  }));
  std::vector<Answer::Notice> notices;
  if (closes) {
    notices.push_back(
        notice("Default access is now closed: users without an agent may do nothing. "
               "`aivault agent default-access open` allows them every ready capability again."));
  }
  if (!agent.uid) {
    notices.push_back(
        notice("Without --user the agent works by token only, and a token gives no "
               "more than its holder may do without it."));
  }
  return changed(shape(to_json(agent, {}, desk.catalog.minted())), std::move(notices));
}

Result<Answer> update_agent(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"addCapabilities",
                         "removeCapabilities",
                         "readOnly",
                         "rateLimitPerMinute",
                         "expiresAtMs",
                         "revokeTokens",
                         "revokeAllTokens"}));
  const auto name = name_in(request);
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY(vault->change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(const auto snapshot, catalog::Catalog::of(change));
    const auto& access = snapshot->access();
    const auto* found = access.find_agent(name);
    if (found == nullptr) return no_agent(name);
    auto agent = *found;
    TRY(change_in(body, agent));
    TRY_ASSIGN(const auto revoked, revoked_in(body, agent, access));
    agent.updated_at = change.now();
    TRY(change.put(catalog::to_row(agent)));
    change.record(event_of(request, "agent.update", agent));
    for (const auto& id : revoked) TRY(revoke(change, request, id));
    return {};
  }));
  TRY_ASSIGN(const auto snapshot, desk.catalog.current(*vault));
  const auto& access = snapshot->access();
  const auto* agent = access.find_agent(name);
  if (agent == nullptr) return no_agent(name);
  return changed(shape(to_json(*agent, tokens_of(access, *agent), desk.catalog.minted())));
}

Result<Answer> delete_agent(Desk& desk, const Request& request) {
  const auto name = name_in(request);
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto* agent = open.snapshot->access().find_agent(name);
  TRY_ASSIGN(const auto doomed, vault::read(*open.vault, [&](vault::Reader& reader) {
               return find_doomed(reader, name);
             }));
  const auto answer = [&name](bool removed) {
    return ad_hoc(Value::object({{"name", name}, {"removed", removed}}));
  };
  if (doomed.agents.empty()) return changed(answer(false));
  TRY(open.vault->change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(const auto rows, find_doomed(change, name));
    for (const auto& id : rows.tokens) TRY(change.remove_token(id));
    for (const auto& id : rows.agents) TRY(change.remove_agent(id));
    auto event = catalog::event_of(who(request), "agent.delete");
    event.agent = name;
    event.note = "with " + std::to_string(rows.tokens.size()) + " tokens";
    if (agent == nullptr) event.note += "; its row had failed the integrity check";
    change.record(std::move(event));
    return {};
  }));
  desk.catalog.minted().revoke_of(
      doomed.agents,
      std::chrono::time_point_cast<UnixMs::duration>(std::chrono::system_clock::now()));
  const auto access = open.snapshot->access().default_access();
  return changed(answer(true), {notice(afterwards(agent, access))});
}

Result<Answer> show_access(Desk& desk, const Request&) {
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto access = open.snapshot->access().default_access();
  return ad_hoc(Value::object({{"defaultAccess", to_string(access)}}));
}

Result<Answer> set_access(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"defaultAccess"}));
  TRY_ASSIGN(const auto name, body.text_or_empty("defaultAccess"));
  const auto access = catalog::default_access_named(name);
  if (!access) return invalid("'defaultAccess' must be open or closed");
  TRY_ASSIGN(const auto open, open_vault(desk));
  TRY(open.vault->change([&](vault::Change& change) -> Result<void> {
    const auto before = change.setting(catalog::kAccessSetting);
    if (!before && is_damaged_row(before.error())) {
      TRY(change.remove_setting(catalog::kAccessSetting));
    }
    TRY(change.put(catalog::to_row(*access, change.now())));
    auto event = catalog::event_of(who(request), "agent.default_access");
    event.note = to_string(*access);
    change.record(std::move(event));
    return {};
  }));
  std::vector<Answer::Notice> notices;
  if (*access == DefaultAccess::open && !open.snapshot->access().agents().empty()) {
    notices.push_back(
        warning("users without an agent may now invoke every ready capability but "
                "those that need a grant of their own"));
  }
  return changed(ad_hoc(Value::object({{"defaultAccess", to_string(*access)}})),
                 std::move(notices));
}

}  // namespace aivault::admin
