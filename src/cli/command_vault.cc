// status.
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/render.h"
#include "cli/render_parts.h"

namespace aivault::cli {
namespace {

using json::Value;

Value member_or_null(const Value& object, std::string_view key) {
  const auto* value = object.find(key);
  return value == nullptr ? Value() : *value;
}

// What somebody who is not an operator learns of a daemon: that it is there, and what it allows.
Value view_of_caller(const Client& client) {
  const auto& whoami = client.whoami();
  const auto agent = member_or_null(whoami, "agent");
  auto capabilities = Value::array();
  if (text_in(whoami, "defaultAccess") == "open") capabilities.push("*");
  auto access = Value::object({{"agent", nullptr},
                               {"capabilities", std::move(capabilities)},
                               {"expiresAtMs", nullptr},
                               {"readOnly", false}});
  if (agent.is(json::Kind::object)) {
    access.set("agent", member_or_null(agent, "name"))
        .set("capabilities", member_or_null(agent, "capabilities"))
        .set("expiresAtMs", member_or_null(agent, "expiresAtMs"))
        .set("readOnly", is_true_in(agent, "readOnly"));
  }
  return Value::object({{"access", std::move(access)},
                        {"audit", nullptr},
                        {"daemon",
                         Value::object({{"defaultAccess", member_or_null(whoami, "defaultAccess")},
                                        {"pid", member_or_null(whoami, "pid")},
                                        {"socket", client.reached().name},
                                        {"uid", client.reached().uid},
                                        {"version", client.daemon_version()}})},
                        {"paths", nullptr},
                        {"problems", Value::array()},
                        {"status", nullptr}});
}

}  // namespace

Result<int> run_status(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  if (!client.is_operator()) {
    const auto own_view = view_of_caller(client);
    if (arguments.wants_json()) {
      session.print_json(own_view, json::Order::alphabetical);
    } else {
      session.print(render_access(own_view, session.style()));
    }
    return kSuccess;
  }
  TRY_ASSIGN(const auto status, client.get("/aivault/status"));
  if (arguments.wants_json()) {
    session.print_json(status, json::Order::alphabetical);
    return kSuccess;
  }
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  session.print(render_status(status, routes.first.socket, session.style()));
  return kSuccess;
}

}  // namespace aivault::cli
