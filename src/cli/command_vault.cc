// status and init.
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/render.h"

namespace aivault::cli {

Result<int> run_status(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto status, client.get("/aivault/status"));
  if (arguments.wants_json()) {
    session.print_json(status, json::Order::alphabetical);
    return kSuccess;
  }
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  session.print(render_status(status, routes.first.socket, session.style()));
  return kSuccess;
}

Result<int> run_init(Session& session, const Arguments& arguments) {
  auto body = json::Value::object({{"provider", arguments.text_or("provider", "file")}});
  if (const auto path = arguments.text("file-path")) {
    body.set("filePath", session.environment().absolute(*path));
  }
  TRY_ASSIGN(auto client, Client::in_private_child(session));
  TRY_ASSIGN(const auto status, client.change(session, "POST", "/aivault/vault/init", body));
  session.print_json(status);
  return kSuccess;
}

}  // namespace aivault::cli
