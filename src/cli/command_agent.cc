// agent create, list, show, grant, revoke, token, delete and default-access.
#include <chrono>
#include <limits>
#include <utility>

#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/moment.h"
#include "cli/render.h"

namespace aivault::cli {
namespace {

using json::Value;

constexpr std::string_view kAgents = "/aivault/agents";
constexpr std::string_view kAccess = "/aivault/access";

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string path_of(const Arguments& arguments) {
  return std::string(kAgents) + '/' + segment(trim(arguments.positional()));
}

Result<void> check_name(const Arguments& arguments) {
  if (!trim(arguments.positional()).empty()) return {};
  return invalid_request("", "agent name is required");
}

Value texts(const std::vector<std::string>& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

// The limits that create and grant share.
void add_limits(const Arguments& arguments, Value& body) {
  if (arguments.has("read-only")) body.set("readOnly", true);
  if (const auto rate = arguments.number("rate-limit-per-minute")) {
    body.set("rateLimitPerMinute", *rate);
  }
  const auto expires = arguments.text("expires");
  if (!expires) return;
  const auto moment = *expires == "never" ? std::nullopt : parse_moment(*expires, now());
  body.set("expiresAtMs", moment ? Value(to_int(*moment)) : Value());
}

Result<int> change_agent(Session& session, const Arguments& arguments, const Value& body) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(
      session, client.change(session, "PATCH", path_of(arguments), body), json::Order::as_built);
}

}  // namespace

Result<int> run_agent_create(Session& session, const Arguments& arguments) {
  TRY(check_name(arguments));
  TRY_ASSIGN(const auto context, parse_context(arguments));
  auto body = Value::object({{"name", trim(arguments.positional())}});
  if (const auto user = not_blank(arguments.text("user"))) body.set("user", *user);
  if (context.workspace) body.set("workspaceId", *context.workspace);
  if (context.group) body.set("groupId", *context.group);
  body.set("capabilities", texts(arguments.list("allow")));
  if (arguments.has("allow-group")) body.set("groups", texts(arguments.list("allow-group")));
  if (arguments.has("credential")) body.set("credentials", texts(arguments.list("credential")));
  add_limits(arguments, body);
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(
      session, client.change(session, "POST", std::string(kAgents), body), json::Order::as_built);
}

Result<int> run_agent_list(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto agents,
             client.list(session, kAgents, Query(), std::numeric_limits<std::size_t>::max()));
  if (arguments.wants_json()) {
    session.print_json(agents);
  } else {
    session.print(render_agents(agents, session.style()));
  }
  return kSuccess;
}

Result<int> run_agent_show(Session& session, const Arguments& arguments) {
  TRY(check_name(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(auto agent, client.get(path_of(arguments)));
  if (arguments.wants_json()) {
    session.print_json(agent);
  } else {
    auto one = Value::array();
    one.push(std::move(agent));
    session.print(render_agents(one, session.style()));
  }
  return kSuccess;
}

Result<int> run_agent_grant(Session& session, const Arguments& arguments) {
  TRY(check_name(arguments));
  if (arguments.has("read-only") && arguments.has("no-read-only")) {
    return invalid_request("", "provide either --read-only or --no-read-only, not both");
  }
  auto body = Value::object();
  if (!arguments.rest().empty()) body.set("addCapabilities", texts(arguments.rest()));
  if (arguments.has("no-read-only")) body.set("readOnly", false);
  add_limits(arguments, body);
  if (body.members().empty()) {
    return invalid_request("", "nothing to grant: give a PATTERN or a property");
  }
  return change_agent(session, arguments, body);
}

Result<int> run_agent_revoke(Session& session, const Arguments& arguments) {
  TRY(check_name(arguments));
  auto body = Value::object();
  if (!arguments.rest().empty()) body.set("removeCapabilities", texts(arguments.rest()));
  if (arguments.has("token")) body.set("revokeTokens", texts(arguments.list("token")));
  if (arguments.has("all-tokens")) body.set("revokeAllTokens", true);
  if (body.members().empty()) {
    return invalid_request("", "a PATTERN, --token or --all-tokens is required");
  }
  return change_agent(session, arguments, body);
}

Result<int> run_agent_token(Session& session, const Arguments& arguments) {
  TRY(check_name(arguments));
  constexpr std::chrono::milliseconds kMonth = std::chrono::days(30);
  const auto wanted = arguments.text("ttl");
  const auto ttl = wanted ? parse_duration(*wanted).value_or(kMonth) : kMonth;
  const std::string name(trim(arguments.positional()));
  const auto body = Value::object({{"agent", name}, {"ttlMs", std::int64_t{ttl.count()}}});
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto minted, client.change(session, "POST", "/aivault/tokens/proxy", body));
  Value result = Value::object({{"agent", name}});
  for (const auto* key : {"expiresAtMs", "token", "tokenId"}) {
    const auto* found = minted.find(key);
    if (found == nullptr) return invalid_request("", "the daemon's answer lacks the token");
    result.set(key, *found);
  }
  session.print_json(result);
  return kSuccess;
}

Result<int> run_agent_delete(Session& session, const Arguments& arguments) {
  TRY(check_name(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(
      session, client.change(session, "DELETE", path_of(arguments)), json::Order::alphabetical);
}

Result<int> run_agent_default_access(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  if (arguments.positional().empty()) {
    TRY_ASSIGN(const auto access, client.get(std::string(kAccess)));
    session.print_json(access);
    return kSuccess;
  }
  const auto body = Value::object({{"defaultAccess", arguments.positional()}});
  return print_result(session,
                      client.change(session, "PUT", std::string(kAccess), body),
                      json::Order::alphabetical);
}

}  // namespace aivault::cli
