// capability bind, unbind and bindings.
#include <limits>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/render.h"

namespace aivault::cli {
namespace {

using json::Value;

// The key of a binding: capability, scope and consumer.
Result<Value> key_of(const Arguments& arguments) {
  const auto capability = not_blank(arguments.text("capability"));
  if (!capability) return invalid_request("", "--capability is required");
  TRY_ASSIGN(const auto scope, parse_scope(arguments));
  auto body = Value::object({{"capability", *capability}, {"scope", scope.kind}});
  if (scope.workspace) body.set("workspaceId", *scope.workspace);
  if (scope.group) body.set("groupId", *scope.group);
  if (const auto consumer = not_blank(arguments.text("consumer"))) body.set("consumer", *consumer);
  return body;
}

}  // namespace

Result<int> run_capability_bind(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto body, key_of(arguments));
  body.set("secretRef", arguments.text_or("secret-ref", ""));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(
      session, client.change(session, "PUT", "/aivault/bindings", body), json::Order::as_built);
}

Result<int> run_capability_unbind(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto body, key_of(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(session,
                      client.change(session, "POST", "/aivault/bindings/unbind", body),
                      json::Order::alphabetical);
}

Result<int> run_capability_bindings(Session& session, const Arguments& arguments) {
  Query query{{"limit", "1000"}};
  const auto add = [&](const char* flag, const char* name) {
    if (const auto text = not_blank(arguments.text(flag))) query.emplace_back(name, *text);
  };
  add("capability", "capability");
  add("scope", "scope");
  add("workspace-id", "workspaceId");
  add("group-id", "groupId");
  add("consumer", "consumer");
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(
      const auto bindings,
      client.list(
          session, "/aivault/bindings", std::move(query), std::numeric_limits<std::size_t>::max()));
  if (arguments.wants_json()) {
    session.print_json(bindings);
  } else {
    session.print(render_bindings(bindings, session.style()));
  }
  return kSuccess;
}

}  // namespace aivault::cli
