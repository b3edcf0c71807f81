// oauth setup and oauth login.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/moment.h"
#include "cli/redirect_receiver.h"
#include "cli/render_parts.h"
#include "cli/secret_input.h"
#include "http/authorization_url.h"
#include "platform/spawn.h"

namespace aivault::cli {
namespace {

using json::Value;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kLogin = "/aivault/oauth/login";
constexpr milliseconds kWindow = std::chrono::minutes(5);
// The daemon closes a connection that says nothing for a minute.
constexpr milliseconds kSignOfLife = std::chrono::seconds(20);

std::string login_target(const std::string& id) { return std::string(kLogin) + "/" + segment(id); }

Value texts(const std::vector<std::string>& list) {
  auto array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

void set_text(const Arguments& arguments, std::string_view flag, const char* key, Value& body) {
  if (const auto text = not_blank(arguments.text(flag))) body.set(key, *text);
}

Result<Value> login_body(const Arguments& arguments) {
  auto body = Value::object({{"provider", arguments.text_or("provider", "")},
                             {"flow", arguments.has("device") ? "device" : "pkce"}});
  set_text(arguments, "client-id", "clientId", body);
  set_text(arguments, "auth-url", "authUrl", body);
  set_text(arguments, "token-endpoint", "tokenEndpoint", body);
  set_text(arguments, "device-url", "deviceUrl", body);
  set_text(arguments, "host", "host", body);
  set_text(arguments, "tenant-id", "tenantId", body);
  set_text(arguments, "name", "name", body);
  if (arguments.has("scope")) body.set("scopes", texts(arguments.list("scope")));
  TRY_ASSIGN(const auto context, parse_context(arguments));
  if (context.workspace) body.set("workspaceId", *context.workspace);
  if (context.group) body.set("groupId", *context.group);
  const auto time = arguments.text("timeout");
  const auto window = time ? parse_duration(*time).value_or(kWindow) : kWindow;
  body.set("timeoutMs", std::int64_t{window.count()});
  return body;
}

Result<Client> reach(Session& session) {
  if (session.environment().flag("AIVAULTD_DISABLE")) return Client::in_private_child(session);
  return Client::of_lasting_daemon(session, Client::Stay::while_used);
}

// Starts a login; asks for the client's secret if it turns out to be needed.
Result<Value> start_login(Session& session,
                          Client& client,
                          const Arguments& arguments,
                          const Value& body) {
  const SecretSource source{.file_flag = "client-secret-file",
                            .what = "client secret",
                            .prompt = "Client secret",
                            .missing = "missing oauth2 client secret: use --client-secret-file"};
  const std::string target(kLogin);
  const auto with_secret = [&](const Secret& secret) {
    return client.change_with_secret(
        "POST", target, body, "clientSecret", secret, Client::Form::characters);
  };
  if (is_given(session, arguments, source)) {
    TRY_ASSIGN(const auto secret, read_secret(session, arguments, source));
    return with_secret(secret);
  }
  auto started = client.change(session, "POST", target, body);
  const bool asks = !started && started.error().reason == "setup_incomplete" && session.can_ask();
  if (!asks) return started;
  TRY_ASSIGN(const auto secret, ask_secret(session, source));
  return with_secret(secret);
}

// As a convenience: whoever has no browser here opens the address elsewhere.
void open_browser(const Session& session, const std::string& url) {
  const auto& environment = session.environment();
  const bool has_screen = not_blank(environment.text("DISPLAY")).has_value() ||
                          not_blank(environment.text("WAYLAND_DISPLAY")).has_value();
  if (!has_screen) return;
  const auto path = environment.text("PATH").value_or("");
  for (const auto directory : split(path, ':')) {
    if (!directory.starts_with('/')) continue;
    const auto program = std::string(directory) + "/xdg-open";
    if (::access(program.c_str(), X_OK) != 0) continue;
    platform::Program browser{.path = program, .arguments = {url}, .environment = {}};
    for (const auto& [name, value] : environment.all()) {
      // A program of somebody else learns nothing about our vault.
      if (!name.starts_with("AIVAULT")) browser.environment.push_back(name + "=" + value);
    }
    static_cast<void>(platform::spawn(browser));
    return;
  }
}

tl::unexpected<Error> too_late() {
  return fail(ErrorCode::auth_failed, "login_expired", "the time for the login is over");
}

Result<Value> send_callback(Client& client, const std::string& id, const RedirectQuery& query) {
  auto body = Value::object({{"state", query.state}});
  if (query.iss) body.set("iss", *query.iss);
  const auto target = login_target(id) + "/callback";
  if (!query.error.empty()) {
    body.set("error", query.error);
    const auto text = json::compact(body);
    return client.change_with_body("POST", target, {.text = text});
  }
  return client.change_with_secret(
      "POST", target, body, "code", query.code, Client::Form::characters);
}

bool was_not_ours(const Result<Value>& result) {
  return !result && result.error().code == ErrorCode::invalid_request &&
         result.error().reason == "record_invalid";
}

Result<Value> wait_for_redirect(Session& session,
                                Client& client,
                                RedirectReceiver& receiver,
                                const std::string& id,
                                steady_clock::time_point end) {
  constexpr int kOk = 200;
  constexpr int kBadRequest = 400;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    if (left <= milliseconds::zero()) return too_late();
    const auto visit = receiver.wait(std::min(left, kSignOfLife));
    if (!visit) {
      TRY(client.change(session, "GET", login_target(id)));
      continue;
    }
    auto result = send_callback(client, id, visit->query);
    if (was_not_ours(result)) {
      RedirectReceiver::answer(*visit, kBadRequest, "This answer does not belong to the login.");
      session.warning("an answer that does not belong to this login was refused");
      continue;
    }
    if (result) {
      RedirectReceiver::answer(*visit, kOk, "Logged in. You can close this page.");
    } else {
      RedirectReceiver::answer(*visit, kBadRequest, "The login failed. The command line says why.");
    }
    return result;
  }
}

Result<std::uint16_t> redirect_port(const Arguments& arguments) {
  constexpr std::int64_t kHighest = 65'535;
  const auto port = arguments.number("redirect-port").value_or(0);
  if (port < 0 || port > kHighest) {
    return invalid_request("", "--redirect-port must be a port number");
  }
  return static_cast<std::uint16_t>(port);
}

Result<Value> log_in_by_redirect(
    Session& session, Client& client, const Arguments& arguments, Value body, milliseconds window) {
  TRY_ASSIGN(const auto port, redirect_port(arguments));
  TRY_ASSIGN(auto receiver, RedirectReceiver::listen(port));
  body.set("redirectUri", receiver.redirect_uri());
  const auto end = steady_clock::now() + window;
  TRY_ASSIGN(const auto started, start_login(session, client, arguments, body));
  const std::string url(text_in(started, "authUrl"));
  session.notice("Open this address in a browser to log in:\n\n  " + url + "\n");
  session.notice("The answer is awaited on " + receiver.redirect_uri() +
                 ". Is the browser on another machine? Use --device, or --redirect-port N here\n"
                 "and `ssh -L N:127.0.0.1:N` there.");
  if (!arguments.has("no-browser")) open_browser(session, url);
  const std::string id(text_in(started, "loginId"));
  return wait_for_redirect(session, client, receiver, id, end);
}

Result<Value> log_in_on_device(Session& session,
                               Client& client,
                               const Arguments& arguments,
                               const Value& body) {
  TRY_ASSIGN(const auto started, start_login(session, client, arguments, body));
  session.notice("Open " + std::string(text_in(started, "verificationUri")) +
                 " on any device and enter the code:\n\n  " +
                 std::string(text_in(started, "userCode")) + "\n");
  const auto target = login_target(std::string(text_in(started, "loginId"))) +
                      "?waitMs=" + std::to_string(kSignOfLife.count());
  while (true) {
    TRY_ASSIGN(auto result, client.change(session, "GET", target));
    if (text_in(result, "state") != "pending") return result;
  }
}

}  // namespace

Result<int> run_oauth_setup(Session& session, const Arguments& arguments) {
  http::AuthorizationUrl url;
  const std::string provider(trim(arguments.text_or("provider", "")));
  url.endpoint = trim(arguments.text_or("auth-url", ""));
  url.client_id = trim(arguments.text_or("client-id", ""));
  url.redirect_uri = trim(arguments.text_or("redirect-uri", ""));
  url.scopes = arguments.list("scope");
  url.state = trim(arguments.text_or("state", ""));
  if (provider.empty() || url.endpoint.empty() || url.client_id.empty() ||
      url.redirect_uri.empty()) {
    return invalid_request("", "provider, auth_url, client_id, and redirect_uri are required");
  }
  const auto notes = texts({
      "Open consentUrl in a browser and approve the access.",
      "Exchange the code yourself at the provider's token endpoint, or let `aivault oauth login` "
      "do all of it.",
      "Store the tokens as a JSON secret with clientId, clientSecret and refreshToken.",
  });
  session.print_json(Value::object({{"consentUrl", http::to_string(url)},
                                    {"exchangeOutsideBroker", true},
                                    {"notes", notes},
                                    {"provider", provider}}),
                     json::Order::alphabetical);
  return kSuccess;
}

Result<int> run_oauth_login(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto body, login_body(arguments));
  TRY_ASSIGN(auto client, reach(session));
  const milliseconds window(body.find("timeoutMs")->integer().value_or(0));
  auto result = arguments.has("device")
                    ? log_in_on_device(session, client, arguments, body)
                    : log_in_by_redirect(session, client, arguments, body, window);
  return print_result(session, result, json::Order::alphabetical);
}

}  // namespace aivault::cli
