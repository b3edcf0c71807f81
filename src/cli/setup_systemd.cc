// setup systemd: runs the shared daemon as a hardened service that its socket starts.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/launch.h"
#include "cli/routes.h"
#include "cli/secret_output.h"
#include "cli/setup_run.h"
#include "cli/setup_users.h"
#include "cli/systemd_units.h"

namespace aivault::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kHealthLimit{10};
constexpr std::chrono::seconds kLeavingLimit{15};
constexpr std::chrono::milliseconds kPause{50};
constexpr std::string_view kSysusers = "/etc/sysusers.d/aivault.conf";
constexpr std::string_view kSocketDirectory = "/run/aivault";

auto failed(std::string message) { return vault_unavailable("", std::move(message)); }

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string_view why_no_systemd() {
  std::ifstream file("/proc/version");
  std::string version;
  std::getline(file, version);
  if (to_lower(version).find("microsoft") != std::string::npos) {
    return "systemd is not running on this machine; put systemd=true under [boot] in "
           "/etc/wsl.conf, or run `aivaultd --shared` under the supervisor at hand";
  }
  return "systemd is not running on this machine; run `aivaultd --shared` under the supervisor at "
         "hand";
}

// Whoever could exchange the program would be given the vault.
Result<void> check_program(const std::string& program) {
  for (auto path = program;; path = directory_of(path)) {
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0) return failed("cannot look at '" + path + "'");
    if (facts.st_uid != 0 || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      return failed("'" + path + "' must belong to root and be writable by nobody else; install " +
                    "aivaultd with `install -m 0755 aivaultd /usr/local/bin/aivaultd`");
    }
    if (path == "/") return {};
  }
}

struct Plan {
  platform::User user;
  bool makes_user = false;  // The user aivault of the system.
  UnitFacts units;
  bool seals_key = false;
};

Result<Plan> make_plan(SetupRun& run, const Session& session, const Arguments& arguments) {
  Plan plan;
  const auto name = std::string(trim(arguments.text_or("daemon-user", "")));
  if (name.empty()) return failed("--daemon-user is required");
  TRY(run.require(exists("/run/systemd/system"), std::string(why_no_systemd())));
  const auto program = find_daemon_program(session.environment());
  if (!program) return failed("aivaultd is neither beside aivault nor in PATH");
  const auto safe = check_program(*program);
  TRY(run.require(safe.has_value(), safe ? "" : safe.error().message));
  const auto known = platform::user_named(name);
  plan.makes_user = name == kGroup && (!known || known->home == kSystemHome);
  if (plan.makes_user) {
    plan.user = known.value_or(platform::User{.name = name, .home = std::string(kSystemHome)});
  } else {
    TRY_ASSIGN(plan.user, find_setup_user(run, name));
  }
  if (!plan.user.home.starts_with('/') ||
      plan.user.home.find_first_of(" \t\n%:\"\\") != std::string::npos) {
    return failed("'" + name + "' has no home directory that a unit can name");
  }
  plan.units = {.daemon_user = name, .home = plan.user.home, .program = *program};
  plan.seals_key = arguments.has("kek-credential");
  plan.units.loads_sealed_key = plan.seals_key || exists(std::string(kSealedKey));
  return plan;
}

Result<void> ensure_user(SetupRun& run, Plan& plan) {
  const std::string path(kSysusers);
  std::string lines = "g aivault -\n";
  if (plan.makes_user) {
    lines +=
        "u aivault - \"aivault vault owner\" " + std::string(kSystemHome) + " /usr/sbin/nologin\n";
  }
  TRY_ASSIGN(const bool changed, run.write(path, lines));
  if (changed || !platform::group_named(kGroup) || !platform::user_named(plan.user.name)) {
    TRY(run.run({"systemd-sysusers", path}));
  }
  if (run.is_dry()) return {};
  auto user = platform::user_named(plan.user.name);
  if (!user) return failed("user '" + plan.user.name + "' does not exist");
  plan.user = *std::move(user);
  return {};
}

Result<void> ensure_directories(SetupRun& run, const Plan& plan) {
  const std::string path(kTmpfiles);
  TRY_ASSIGN(const bool changed,
             run.write(path, tmpfiles_for(std::string(kSocketDirectory), plan.user)));
  if (changed || !exists(std::string(kSocketDirectory))) {
    TRY(run.run({"systemd-tmpfiles", "--create", path}));
  }
  return ensure_private_directory(run, plan.user);
}

// Sealed, but nobody's business.
Result<void> protect(const std::string& path) {
  if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) return failed("cannot protect '" + path + "'");
  return {};
}

// A key that only this machine can open; the vault is made with it at the first start.
Result<void> ensure_sealed_key(SetupRun& run, const Plan& plan) {
  const std::string path(kSealedKey);
  if (exists(path)) return run.is_dry() ? Result<void>() : protect(path);
  if (!plan.seals_key) return {};
  if (exists(plan.user.home + "/.aivault/data/vault/vault.json")) {
    return failed("a vault exists already; change its key with `aivault rotate-master --provider " +
                  std::string("systemd-creds`"));
  }
  const Words command = {"systemd-creds", "encrypt", "--name=aivault-kek", "-", path};
  if (run.is_dry()) return run.run(command);
  if (::mkdir(directory_of(path).c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return failed("cannot create '" + directory_of(path) + "'");
  }
  TRY_ASSIGN(const auto key, pipe_with_new_key());
  TRY(run.run(command, key.get()));
  return protect(path);
}

Reached* operator_daemon(Attempt& attempt, const platform::User& user) {
  return attempt.reached && attempt.reached->uid == user.uid ? &*attempt.reached : nullptr;
}

// One that runs without systemd holds the vault's operator socket; its calls finish.
Result<void> end_unsupervised_daemon(Session& session, SetupRun& run, const Plan& plan) {
  if (run.is_dry()) return {};
  const Route route{plan.user.home + "/.aivault/run/aivaultd.sock", Trust::checked};
  const Routes routes{route, std::nullopt, {}};
  auto attempt = connect_to_any(routes);
  auto* daemon = operator_daemon(attempt, plan.user);
  if (daemon == nullptr) return {};
  TRY_ASSIGN(auto client, Client::at(session, std::move(*daemon)));
  const auto body = json::Value::object({{"mode", "exit"}});
  TRY(client.change(session, "POST", "/aivault/shutdown", body));
  const auto limit = steady_clock::now() + kLeavingLimit;
  while (steady_clock::now() < limit && connect_to_any(routes).reached) {
    std::this_thread::sleep_for(kPause);
  }
  return {};
}

Result<void> wait_for_health(Session& session) {
  const Route route{std::string(kSystemSocket), Trust::named_by_caller};
  const auto limit = steady_clock::now() + kHealthLimit;
  while (steady_clock::now() < limit) {
    auto attempt = connect_to_any({route, std::nullopt, {}});
    if (attempt.reached && Client::at(session, *std::move(attempt.reached))) return {};
    std::this_thread::sleep_for(kPause);
  }
  return failed("the service does not answer at '" + route.socket +
                "'; see journalctl -u aivaultd-shared");
}

Result<void> ensure_units(Session& session, SetupRun& run, const Plan& plan) {
  const std::string directory(kUnitDirectory);
  const std::string socket(kSocketUnit);
  const std::string service(kServiceUnit);
  TRY_ASSIGN(const bool socket_changed, run.write(directory + socket, socket_unit(plan.units)));
  TRY_ASSIGN(const bool service_changed, run.write(directory + service, service_unit(plan.units)));
  const bool changed = socket_changed || service_changed;
  const bool active = run.ask({"systemctl", "is-active", "--quiet", service}) == 0;
  if (changed) TRY(run.run({"systemctl", "daemon-reload"}));
  if (!active) TRY(end_unsupervised_daemon(session, run, plan));
  if (!active || run.ask({"systemctl", "is-enabled", "--quiet", socket, service}) != 0) {
    TRY(run.run({"systemctl", "enable", "--now", socket, service}));
  }
  // The socket of a running daemon is exchanged only for another one: who waits in it would be
  // refused.
  if (active && socket_changed) TRY(run.run({"systemctl", "try-restart", socket, service}));
  if (active && !socket_changed && service_changed)
    TRY(run.run({"systemctl", "try-restart", service}));
  return {};
}

}  // namespace

Result<int> run_setup_systemd(Session& session, const Arguments& arguments) {
  const auto mode = arguments.has("dry-run") ? SetupRun::Mode::dry : SetupRun::Mode::real;
  TRY_ASSIGN(auto run, SetupRun::begin(session, mode));
  TRY_ASSIGN(auto plan, make_plan(run, session, arguments));
  TRY(ensure_user(run, plan));
  TRY(ensure_directories(run, plan));
  TRY(ensure_sealed_key(run, plan));
  TRY(ensure_units(session, run, plan));
  if (!run.is_dry()) TRY(wait_for_health(session));
  run.finish("Unit: " + std::string(kUnitDirectory) + std::string(kServiceUnit) +
             "\nShared socket: " + std::string(kSystemSocket) + "\n");
  return kSuccess;
}

Result<int> run_setup_launchd(Session& /*session*/, const Arguments& /*arguments*/) {
  return failed("launchd setup is only available on macOS");
}

}  // namespace aivault::cli
