// secrets list, create, update, rotate, delete, attach-group and detach-group.
#include <limits>

#include "base/text.h"
#include "cli/before_asking.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/moment.h"
#include "cli/secret_input.h"
#include "cli/secret_printer.h"

namespace aivault::cli {
namespace {

using json::Value;

constexpr int kPage = 250;  // What is in memory at a time.
constexpr auto kBase64 = Client::Form::base64;
constexpr std::string_view kRefPrefix = "vault:secret:";

std::string secret_path(const Arguments& arguments, std::string_view action = {}) {
  const auto id = arguments.text_or("id", "");
  std::string_view name = trim(id);
  if (name.starts_with(kRefPrefix)) name.remove_prefix(kRefPrefix.size());
  return "/aivault/secrets/" + segment(name) + std::string(action);
}

Result<void> check_id(const Arguments& arguments) {
  if (not_blank(arguments.text("id"))) return {};
  return invalid_request("", "secret not found");
}

Value texts(const std::vector<std::string>& list) {
  auto array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

SecretSource value_source(std::string prompt) {
  return {.text_flag = "value",
          .file_flag = "value-file",
          .what = "secret value",
          .prompt = std::move(prompt)};
}

Value expiry(const std::string& text) {
  if (text == "never") return {};
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return to_int(*parse_moment(text, now));  // The parser has checked the text.
}

}  // namespace

Result<int> run_secrets_list(Session& session, const Arguments& arguments) {
  Query query{{"limit", std::to_string(kPage)}};
  const auto add = [&](const char* flag, const char* name) {
    if (const auto text = not_blank(arguments.text(flag))) query.emplace_back(name, *text);
  };
  add("scope", "scope");
  add("workspace-id", "workspaceId");
  add("group-id", "groupId");
  TRY_ASSIGN(auto client, Client::for_operator(session));
  SecretPrinter printer(session,
                        arguments.wants_json() ? SecretPrinter::As::json : SecretPrinter::As::text);
  const auto print = [&printer](const Value& secret) { printer.take(secret); };
  TRY(client.each(
      "/aivault/secrets", std::move(query), std::numeric_limits<std::size_t>::max(), print));
  printer.finish();
  return kSuccess;
}

Result<int> run_secrets_create(Session& session, const Arguments& arguments) {
  const auto name = arguments.text_or("name", "");
  if (trim(name).empty()) return invalid_request("", "secret name is required");
  TRY_ASSIGN(const auto scope, parse_scope(arguments));
  auto body = Value::object({{"name", name}, {"scope", scope.kind}});
  if (scope.workspace) body.set("workspaceId", *scope.workspace);
  if (scope.group) body.set("groupId", *scope.group);
  if (arguments.has("alias")) body.set("aliases", texts(arguments.list("alias")));
  if (const auto moment = arguments.text("expires")) body.set("expiresAtMs", expiry(*moment));
  if (const auto days = arguments.number("rotate-every")) body.set("rotateEveryDays", *days);
  const auto source = value_source("Value of " + quote_for_message(name));
  TRY(check_before_asking(session, arguments, source, NoVault::is_made));
  TRY_ASSIGN(const auto value, read_secret(session, arguments, source));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(
      session,
      client.change_with_secret("POST", "/aivault/secrets", body, "valueB64", value, kBase64),
      json::Order::as_built);
}

Result<int> run_secrets_update(Session& session, const Arguments& arguments) {
  TRY(check_id(arguments));
  if (arguments.has("alias") && arguments.has("clear-aliases")) {
    return invalid_request("", "provide either --alias or --clear-aliases, not both");
  }
  auto body = Value::object();
  if (const auto name = arguments.text("name")) body.set("name", *name);
  if (arguments.has("alias")) body.set("aliases", texts(arguments.list("alias")));
  if (arguments.has("clear-aliases")) body.set("aliases", Value::array());
  if (const auto moment = arguments.text("expires")) body.set("expiresAtMs", expiry(*moment));
  if (const auto days = arguments.number("rotate-every")) {
    body.set("rotateEveryDays", *days == 0 ? Value() : Value(*days));
  }
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(session,
                      client.change(session, "PATCH", secret_path(arguments), body),
                      json::Order::as_built);
}

Result<int> run_secrets_rotate(Session& session, const Arguments& arguments) {
  TRY(check_id(arguments));
  const auto source = value_source("New value");
  TRY(check_before_asking(session, arguments, source, NoVault::is_made));
  TRY_ASSIGN(const auto value, read_secret(session, arguments, source));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(
      session,
      client.change_with_secret(
          "POST", secret_path(arguments, "/rotate"), Value::object(), "valueB64", value, kBase64),
      json::Order::as_built);
}

Result<int> run_secrets_delete(Session& session, const Arguments& arguments) {
  TRY(check_id(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(
      session, client.change(session, "DELETE", secret_path(arguments)), json::Order::as_built);
}

namespace {

Result<int> change_attachment(Session& session,
                              const Arguments& arguments,
                              std::string_view action) {
  TRY(check_id(arguments));
  const auto workspace = not_blank(arguments.text("workspace-id"));
  const auto group = not_blank(arguments.text("group-id"));
  if (!workspace) return invalid_request("", "--workspace-id is required");
  if (!group) return invalid_request("", "--group-id is required");
  const auto body = Value::object({{"workspaceId", *workspace}, {"groupId", *group}});
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(session,
                      client.change(session, "POST", secret_path(arguments, action), body),
                      json::Order::as_built);
}

}  // namespace

Result<int> run_secrets_attach(Session& session, const Arguments& arguments) {
  return change_attachment(session, arguments, "/attach");
}

Result<int> run_secrets_detach(Session& session, const Arguments& arguments) {
  return change_attachment(session, arguments, "/detach");
}

}  // namespace aivault::cli
