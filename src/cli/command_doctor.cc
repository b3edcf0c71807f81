// doctor: the checks that only a client can make, then those of the daemon.
#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/version.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/doctor_as.h"
#include "cli/doctor_machine.h"
#include "cli/exit_status.h"
#include "cli/launch.h"
#include "cli/render.h"
#include "cli/render_parts.h"
#include "cli/socket_check.h"

namespace aivault::cli {
namespace {

using json::Value;

void add(Value& checks, std::string_view id, const Finding& finding) {
  checks.push(Value::object({{"detail", finding.detail},
                             {"hint", finding.hint},
                             {"id", id},
                             {"status", finding.status}}));
}

Finding check_program(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {"fail", "cannot look at '" + path + "'", ""};
  if (!is_trusted_owner(status.st_uid)) {
    return {"fail",
            "'" + path + "' belongs to uid " + std::to_string(status.st_uid),
            "install it as root"};
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return {"fail", "'" + path + "' can be changed by others", "chmod go-w '" + path + "'"};
  }
  return {"ok", path, ""};
}

Finding check_binaries(const std::optional<std::string>& daemon) {
  if (!daemon) {
    return {"fail",
            "aivaultd is neither beside aivault nor in PATH",
            "install aivaultd in the directory of aivault"};
  }
  if (const auto own = check_program("/proc/self/exe"); own.status != "ok") return own;
  return check_program(*daemon);
}

Finding check_version(const std::string& daemon_version) {
  const std::string ours(version());
  if (daemon_version == ours) return {"ok", "aivault and aivaultd are " + ours, ""};
  return {"warn", "aivault is " + ours + ", aivaultd is " + daemon_version, "aivault restart"};
}

Finding not_running(const Routes& routes, const platform::Environment& environment) {
  if (check_socket_path(routes.first.socket).status != "ok") {
    return {"warn", "not running, and none can start at this path", "see socket-paths"};
  }
  const auto refused = autostart_refusal(routes, environment);
  if (!refused) return {"ok", "not running; the first call starts it", ""};
  return {"warn", refused->message, "aivault restart"};
}

// The checks around the daemon that is there, and a client of it if it may answer for the vault.
std::optional<Client> check_daemon(Session& session, const Routes& routes, Value& checks) {
  const auto& environment = session.environment();
  if (environment.flag("AIVAULTD_DISABLE")) {
    add(checks, "daemon-reachable", {"ok", "not asked for (AIVAULTD_DISABLE)", ""});
    return std::nullopt;
  }
  auto attempt = connect_to_any(routes);
  if (attempt.is_final) {
    add(checks, "daemon-reachable", {"ok", routes.first.socket, ""});
    add(checks, "daemon-identity", {"fail", attempt.failure, "find out who listens there"});
    return std::nullopt;
  }
  if (!attempt.reached) {
    add(checks, "daemon-reachable", not_running(routes, environment));
    return std::nullopt;
  }
  const auto uid = attempt.reached->uid;
  const auto where = attempt.reached->where();
  auto client = Client::at(session, *std::move(attempt.reached));
  if (!client) {
    add(checks, "daemon-reachable", {"fail", client.error().message, "aivault restart"});
    return std::nullopt;
  }
  add(checks, "daemon-reachable", {"ok", where, ""});
  add(checks, "daemon-identity", {"ok", "runs as uid " + std::to_string(uid), ""});
  const bool is_operator = !client->vault_root().empty();
  const bool serves_ours =
      !routes.places.own_directory || client->vault_root() == routes.places.vault_root;
  if (!is_operator || !serves_ours) return std::nullopt;
  return std::optional(*std::move(client));
}

bool has_failure(const Value& checks) {
  for (const auto& check : checks.items()) {
    if (text_in(check, "status") == "fail") return true;
  }
  return false;
}

Result<int> print_report(Session& session, const Arguments& arguments, Value checks) {
  const bool ok = !has_failure(checks);
  const auto report = Value::object({{"checks", std::move(checks)}, {"ok", ok}});
  if (arguments.wants_json()) {
    session.print_json(report, json::Order::alphabetical);
  } else {
    session.print(render_doctor(report, session.style()));
  }
  return ok ? kSuccess : kFailure;
}

}  // namespace

Result<int> run_doctor(Session& session, const Arguments& arguments) {
  if (arguments.has("as")) {
    auto checks = Value::array();
    TRY_ASSIGN(const auto results, try_as_user(session, arguments.text_or("as", "")));
    for (const auto& result : results) add(checks, result.id, result.finding);
    return print_report(session, arguments, std::move(checks));
  }
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  auto checks = Value::array();
  add(checks, "binaries", check_binaries(find_daemon_program(session.environment())));
  add(checks, "socket-paths", check_socket_path(routes.first.socket));
  auto client = check_daemon(session, routes, checks);
  if (!client) {
    auto child = Client::in_private_child(session);
    if (child) {
      client.emplace(*std::move(child));
    } else {
      add(checks, "versions", {"fail", child.error().message, ""});
    }
  }
  if (client) {
    add(checks, "versions", check_version(client->daemon_version()));
    TRY_ASSIGN(const auto report, client->get("/aivault/doctor"));
    for (const auto& check : items_in(report, "checks")) {
      add(checks,
          text_in(check, "id"),
          {text_in(check, "status"), text_in(check, "detail"), text_in(check, "hint")});
    }
  }
  for (const auto& result : check_shared_access(routes)) add(checks, result.id, result.finding);
  return print_report(session, arguments, std::move(checks));
}

}  // namespace aivault::cli
