// credential create, list, delete, enable and disable.
#include <limits>
#include <utility>

#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/credential_auth.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/render.h"
#include "cli/small_file.h"

namespace aivault::cli {
namespace {

using json::Value;

constexpr std::size_t kMaxTrustKib = 1024;

std::string credential_path(const Arguments& arguments, std::string_view action = {}) {
  return "/aivault/credentials/" + segment(trim(arguments.positional())) + std::string(action);
}

Result<void> check_id(const Arguments& arguments) {
  if (!trim(arguments.positional()).empty()) return {};
  return invalid_request("", "credential id is required");
}

Result<int> switch_credential(Session& session,
                              const Arguments& arguments,
                              std::string_view action) {
  TRY(check_id(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(session,
                      client.change(session, "POST", credential_path(arguments, action)),
                      json::Order::alphabetical);
}

}  // namespace

Result<int> run_credential_create(Session& session, const Arguments& arguments) {
  TRY(check_id(arguments));
  TRY_ASSIGN(const auto context, parse_context(arguments));
  TRY_ASSIGN(const auto params, parse_key_values("param", arguments.list("param")));
  TRY_ASSIGN(const auto defaults,
             parse_key_values("default-header", arguments.list("default-header")));
  auto body = Value::object({{"id", arguments.positional()},
                             {"provider", arguments.text_or("provider", "")},
                             {"secretRef", arguments.text_or("secret-ref", "")}});
  if (context.workspace) body.set("workspaceId", *context.workspace);
  if (context.group) body.set("groupId", *context.group);
  const auto kind = arguments.text("auth");
  if (kind) {
    TRY_ASSIGN(auto auth, auth_of(arguments, *kind));
    body.set("auth", std::move(auth));
    for (const auto& [flag, kinds] : foreign_auth_flags(arguments, *kind)) {
      session.warning("--" + flag + " is ignored: it belongs to --auth " + kinds);
    }
  }
  if (arguments.has("host")) {
    auto hosts = Value::array();
    for (const auto& host : arguments.list("host")) hosts.push(host);
    body.set("hosts", std::move(hosts));
  }
  if (!params.empty()) {
    auto object = Value::object();
    for (const auto& [name, value] : params) object.set(name, value);
    body.set("params", std::move(object));
  }
  if (!defaults.empty()) {
    auto list = Value::array();
    for (const auto& [name, value] : defaults) {
      list.push(Value::object({{"name", name}, {"value", value}}));
    }
    body.set("defaultHeaders", std::move(list));
  }
  if (arguments.has("allow-private-network")) body.set("allowPrivateNetwork", true);
  if (const auto path = arguments.text("tls-ca-file")) {
    TRY_ASSIGN(const auto pem, read_small_file(*path, "--tls-ca-file", kMaxTrustKib));
    body.set("tlsCaPem", pem);
  }
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto made, client.change(session, "POST", "/aivault/credentials", body));
  if (!kind) {
    // Without --auth, only a provider of the registry can have been accepted.
    for (const auto& [flag, kinds] : foreign_auth_flags(arguments, "")) {
      session.warning("--" + flag + " is ignored: provider '" + arguments.text_or("provider", "") +
                      "' is in the registry");
    }
  }
  session.print_json(made);
  return kSuccess;
}

Result<int> run_credential_list(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(
      const auto listed,
      client.list(session, "/aivault/credentials", {}, std::numeric_limits<std::size_t>::max()));
  if (!arguments.wants_json()) {
    session.print(render_credentials(listed, session.style()));
    return kSuccess;
  }
  auto credentials = Value::array();
  for (const auto& entry : listed.items()) {
    auto credential = Value::object();
    for (const auto& member : entry.members()) {
      if (member.key != "state") credential.set(member.key, member.value);
    }
    credentials.push(std::move(credential));
  }
  session.print_json(Value::object({{"credentials", std::move(credentials)},
                                    {"path", client.vault_root() + "/vault.db"}}),
                     json::Order::alphabetical);
  return kSuccess;
}

Result<int> run_credential_delete(Session& session, const Arguments& arguments) {
  TRY(check_id(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(session,
                      client.change(session, "DELETE", credential_path(arguments)),
                      json::Order::alphabetical);
}

Result<int> run_credential_enable(Session& session, const Arguments& arguments) {
  return switch_credential(session, arguments, "/enable");
}

Result<int> run_credential_disable(Session& session, const Arguments& arguments) {
  return switch_credential(session, arguments, "/disable");
}

}  // namespace aivault::cli
