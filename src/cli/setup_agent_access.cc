// setup agent-access: lets another user of this machine reach the shared daemon, and nothing else.
#include <sys/stat.h>

#include <array>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/routes.h"
#include "cli/setup_run.h"
#include "cli/setup_users.h"
#include "platform/places.h"

namespace aivault::cli {
namespace {

Result<std::string> daemon_user(const Session& session, const Arguments& arguments) {
  const auto named = arguments.text("daemon-user");
  if (named && !trim(*named).empty()) return std::string(trim(*named));
  const auto caller = session.environment().text("SUDO_USER");
  if (caller) return *caller;
  return vault_unavailable("", "missing --daemon-user (and $SUDO_USER is not set)");
}

void warn_of_powers(Session& session, const platform::User& agent) {
  for (const auto& group : powerful_groups_of(agent)) {
    session.warning("'" + agent.name + "' is in group '" + group +
                    "' and can get at the vault by other ways");
  }
}

void warn_of_home(Session& session, const platform::User& daemon) {
  struct stat facts{};
  if (::stat(daemon.home.c_str(), &facts) != 0 || (facts.st_mode & S_IROTH) == 0) return;
  session.warning("'" + daemon.home + "' can be read by everybody; chmod 0750 '" + daemon.home +
                  "'");
}

Result<void> ensure_member(SetupRun& run, const platform::User& user) {
  const auto group = platform::group_named(kGroup);
  if (group && platform::is_member(*group, user)) return {};
  const std::string name(kGroup);
  return run.run_one_of({{"usermod", "-aG", name, user.name}, {"addgroup", user.name, name}});
}

Result<void> ensure_group(SetupRun& run) {
  if (platform::group_named(kGroup)) return {};
  const std::string name(kGroup);
  return run.run_one_of({{"groupadd", "--system", name}, {"addgroup", "-S", name}});
}

std::string success_text(const std::string& directory,
                         const platform::User& daemon,
                         const platform::User& agent) {
  return "Socket directory: " + directory + "\nGroup: " + std::string(kGroup) + " (" + daemon.name +
         ", " + agent.name + ")\n\nNext steps:\n1. Start `aivaultd --shared` as '" + daemon.name +
         "' (or run `aivault setup systemd --daemon-user " + daemon.name +
         "`).\n2. Log in afresh as '" + agent.name +
         "' and run `aivault invoke <capability>`; neither flags nor variables are needed.\n";
}

}  // namespace

Result<int> run_setup_agent_access(Session& session, const Arguments& arguments) {
  const auto agent_name = std::string(trim(arguments.text_or("agent-user", "")));
  if (agent_name.empty()) return vault_unavailable("", "--agent-user is required");
  TRY_ASSIGN(const auto daemon_name, daemon_user(session, arguments));
  if (agent_name == daemon_name) {
    return vault_unavailable("", "the agent needs a user of its own, other than the daemon's");
  }
  const auto mode = arguments.has("dry-run") ? SetupRun::Mode::dry : SetupRun::Mode::real;
  TRY_ASSIGN(auto run, SetupRun::begin(session, mode));
  TRY_ASSIGN(const auto daemon, find_setup_user(run, daemon_name));
  TRY_ASSIGN(const auto agent, find_setup_user(run, agent_name));
  if (agent.uid == 0) return vault_unavailable("", "the agent user may not be root");
  if (agent.uid == daemon.uid && agent.uid >= 0) {
    return vault_unavailable("", "the two users have one uid");
  }
  TRY_ASSIGN(const auto places, platform::find_places(session.environment()));
  const auto directory = as_run_path(directory_of(places.shared_socket));
  if (directory.find_first_of(" \t\n%") != std::string::npos) {
    return vault_unavailable("", "the path of the shared socket may hold no white space and no %");
  }
  warn_of_powers(session, agent);
  warn_of_home(session, daemon);

  TRY(ensure_group(run));
  TRY(ensure_member(run, daemon));
  TRY(ensure_member(run, agent));
  TRY(ensure_socket_directory(run, directory, daemon));
  if (directory.starts_with("/run/")) {
    TRY(run.write(std::string(kTmpfiles), tmpfiles_for(directory, daemon)));
  }
  run.finish(success_text(directory, daemon, agent));
  return kSuccess;
}

}  // namespace aivault::cli
