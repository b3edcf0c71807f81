// capability create, list, describe, delete, enable and disable.
#include <map>

#include "base/text.h"
#include "cli/capability_filter.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/render.h"
#include "cli/render_parts.h"

namespace aivault::cli {
namespace {

using json::Value;

std::string capability_path(const Arguments& arguments, std::string_view action = {}) {
  return "/aivault/capabilities/" + segment(trim(arguments.positional())) + std::string(action);
}

Result<void> check_id(const Arguments& arguments) {
  if (!trim(arguments.positional()).empty()) return {};
  return invalid_request("", "capability id is required");
}

Value texts(const std::vector<std::string>& list) {
  auto array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

void show_warnings(Session& session, const Value& answer) {
  for (const auto& warning : items_in(answer, "warnings")) session.warning(warning.text());
}

// For each provider whose capabilities lack a credential: the commands that make one.
using Setup = std::map<std::string, std::vector<std::string>>;
Setup setup_of(const Value& list) {
  Setup setup;
  const auto* of_provider = list.find("setup");
  if (of_provider == nullptr) return setup;
  for (const auto& [provider, commands, line, column] : of_provider->members()) {
    for (const auto& command : commands.items())
      setup[std::string(provider)].emplace_back(command.text());
  }
  return setup;
}

Result<int> switch_capability(Session& session,
                              const Arguments& arguments,
                              std::string_view action) {
  TRY(check_id(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(session,
                      client.change(session, "POST", capability_path(arguments, action)),
                      json::Order::alphabetical);
}

}  // namespace

Result<int> run_capability_create(Session& session, const Arguments& arguments) {
  TRY(check_id(arguments));
  auto body = Value::object({{"id", arguments.positional()},
                             {"methods", texts(arguments.list("method"))},
                             {"paths", texts(arguments.list("path"))}});
  if (const auto provider = arguments.text("provider")) body.set("provider", *provider);
  if (const auto credential = arguments.text("credential")) body.set("credential", *credential);
  if (arguments.has("host")) body.set("hosts", texts(arguments.list("host")));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(session,
                      client.change(session, "POST", "/aivault/capabilities", body),
                      json::Order::as_built);
}

Result<int> run_capability_list(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  const bool as_json = arguments.wants_json();
  TRY_ASSIGN(auto list,
             client.get(as_json ? "/aivault/capabilities" : "/aivault/capabilities?setup=true"));
  show_warnings(session, list);
  const CapabilityFilter wanted{.text = arguments.positional(),
                                .provider = arguments.text("provider").value_or(std::string()),
                                .call_class = arguments.text("class").value_or(std::string()),
                                .ready = arguments.has("ready")};
  if (!wanted.is_empty()) list = filter(list, wanted);
  if (as_json) {
    session.print_json(list, json::Order::alphabetical);
    return kSuccess;
  }
  session.print(render_capabilities(list, setup_of(list), session.style(), !wanted.is_empty()));
  return kSuccess;
}

Result<int> run_capability_describe(Session& session, const Arguments& arguments) {
  TRY(check_id(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto described, client.get(capability_path(arguments)));
  show_warnings(session, described);
  session.print_json(described, json::Order::alphabetical);
  return kSuccess;
}

Result<int> run_capability_delete(Session& session, const Arguments& arguments) {
  TRY(check_id(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(session,
                      client.change(session, "DELETE", capability_path(arguments)),
                      json::Order::alphabetical);
}

Result<int> run_capability_enable(Session& session, const Arguments& arguments) {
  return switch_capability(session, arguments, "/enable");
}

Result<int> run_capability_disable(Session& session, const Arguments& arguments) {
  return switch_capability(session, arguments, "/disable");
}

}  // namespace aivault::cli
