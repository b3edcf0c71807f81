// restart: the old daemon finishes its calls, the new one serves from now on.
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/patience.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/launch.h"
#include "cli/render_parts.h"
#include "cli/vault_header.h"
#include "platform/peer.h"
#include "platform/places.h"

namespace aivault::cli {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kHealthLimit = patience(seconds(5));
constexpr std::chrono::milliseconds kPause{20};

Result<void> check_ours(const Reached& daemon) {
  if (daemon.uid == std::int64_t{geteuid()}) return {};
  if (geteuid() != 0) {
    return fail(
        ErrorCode::operator_auth_required, "", "OperatorAuthRequired: operator token required");
  }
  const auto name = platform::user_name(daemon.uid);
  return vault_unavailable("",
                           daemon.where() + " belongs to '" +
                               (name.empty() ? std::to_string(daemon.uid) : name) +
                               "'; run `aivault restart` as that user");
}

enum class Next : std::uint8_t { start, supervisor };

// The daemon that is started from here gets the vault's key from here. Without it none could serve.
Result<void> check_key(const platform::Environment& environment) {
  const auto places = platform::find_places(environment);
  const auto header = places ? read_vault_header(places->vault_root) : std::nullopt;
  if (!header || header->key_variable.empty()) return {};
  if (environment.text(header->key_variable)) return {};
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: environment variable '" +
                               header->key_variable +
                               "': it is not set here, and the new daemon would not have it; the "
                               "running one was left alone");
}

// A service manager starts the next one with an environment of its own.
bool has_manager(Client& client) {
  const auto status = client.get("/aivault/status");
  const auto* daemon = status ? status->find("daemon") : nullptr;
  const auto* hardening = daemon != nullptr ? daemon->find("hardening") : nullptr;
  return hardening != nullptr && text_in(*hardening, "supervisor") == "systemd";
}

struct Leaving {
  Next next = Next::start;
  std::vector<std::string> arguments;  // Of the old daemon, as far as the new one keeps them.
};

// Asks the daemon at the socket to go, if there is one.
Result<Leaving> ask_to_leave(Session& session, const Routes& routes) {
  Leaving leaving;
  auto attempt = connect_to_any({routes.first, std::nullopt, routes.places});
  if (attempt.is_final) return vault_unavailable("", std::move(attempt.failure));
  if (!attempt.reached) return leaving;
  TRY(check_ours(*attempt.reached));
  auto client = Client::at(session, *std::move(attempt.reached));
  if (!client && is_going_away(client.error())) return leaving;
  if (!client) return fail(client.error());
  if (!has_manager(*client)) TRY(check_key(session.environment()));
  TRY_ASSIGN(const auto answer,
             client->change(
                 session, "POST", "/aivault/shutdown", json::Value::object({{"mode", "restart"}})));
  if (text_in(answer, "next") == "supervisor") leaving.next = Next::supervisor;
  for (const auto& word : items_in(answer, "args")) {
    if (word.text() == "--shared") leaving.arguments.emplace_back(word.text());
  }
  return leaving;
}

auto timed_out(const Routes& routes) {
  return vault_unavailable("", "timed out waiting for aivaultd on '" + routes.first.socket + "'");
}

void tell_if_locked(Session& session, Client& client) {
  if (!client.is_operator()) return;
  const auto status = client.get("/aivault/vault");
  if (!status || text_in(*status, "providerType") != "passphrase") return;
  if (is_true_in(*status, "locked"))
    session.notice("The vault is locked again; run `aivault unlock`");
}

Result<void> wait_for_health(Session& session, const Routes& routes) {
  const auto deadline = steady_clock::now() + kHealthLimit;
  while (steady_clock::now() < deadline) {
    auto attempt = connect_to_any({routes.first, std::nullopt, routes.places});
    if (attempt.is_final) return vault_unavailable("", std::move(attempt.failure));
    if (attempt.reached) {
      auto client = Client::at(session, *std::move(attempt.reached));
      if (client) {
        tell_if_locked(session, *client);
        return {};
      }
      if (!is_going_away(client.error())) return fail(client.error());
    }
    std::this_thread::sleep_for(kPause);
  }
  return timed_out(routes);
}

}  // namespace

Result<int> run_restart(Session& session, const Arguments& /*arguments*/) {
  const auto& environment = session.environment();
  TRY_ASSIGN(const auto routes, find_routes(environment));
  const auto program = find_daemon_program(environment);
  TRY_ASSIGN(const auto leaving, ask_to_leave(session, routes));
  if (leaving.next == Next::start) {
    const auto started = start_daemon(environment,
                                      routes.first.socket,
                                      leaving.arguments,
                                      Lifetime::lasting,
                                      IdleExit::as_configured);
    if (!started && started.error().reason == kStartTimeout) return timed_out(routes);
    if (!started) return fail(started.error());
  }
  TRY(wait_for_health(session, routes));
  session.print_json(json::Value::object({{"daemonPath", program.value_or("")},
                                          {"restarted", true},
                                          {"socket", routes.first.socket}}));
  return kSuccess;
}

}  // namespace aivault::cli
