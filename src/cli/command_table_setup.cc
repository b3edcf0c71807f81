#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr Flag kDryRun{"dry-run", ValueKind::boolean, "", "Show what would be done; do nothing"};
constexpr auto kAgentAccess = std::to_array<Flag>({
    {"agent-user", ValueKind::text, "USER", "User that the agents run as", Need::required},
    {"daemon-user", ValueKind::text, "USER", "User that owns the vault (default $SUDO_USER)"},
    kDryRun,
});
constexpr auto kSystemd = std::to_array<Flag>({
    {"daemon-user", ValueKind::text, "USER", "User that owns the vault", Need::required},
    {"kek-credential",
     ValueKind::boolean,
     "",
     "New vault: seal its key with systemd-creds (TPM2 where there is one)"},
    kDryRun,
});
constexpr auto kLaunchd = std::to_array<Flag>({kDryRun});

}  // namespace

std::vector<Command> setup_commands() {
  return {
      {.words = "setup agent-access",
       .summary = "Let another user of this machine call through the shared daemon",
       .run = run_setup_agent_access,
       .flags = kAgentAccess,
       .verbose = Verbose::unknown,
       .about =
           "As root, and as often as you like: makes the group aivault, puts both users into\n"
           "it, makes the directory of the shared socket, and has it made again at boot.\n"
           "Undo: gpasswd -d USER aivault; rm /etc/tmpfiles.d/aivault.conf; rm -r /run/aivault",
       .examples = "aivault setup agent-access --agent-user agent --daemon-user aivault --dry-run\n"
                   "sudo aivault setup agent-access --agent-user agent --daemon-user aivault"},
      {.words = "setup systemd",
       .summary = "Run the shared daemon as a hardened service",
       .run = run_setup_systemd,
       .flags = kSystemd,
       .verbose = Verbose::unknown,
       .about =
           "As root, and as often as you like: writes aivaultd-shared.socket and .service, and\n"
           "starts them. The vault stays in the home directory of its user.\n"
           "Undo: systemctl disable --now aivaultd-shared.socket aivaultd-shared.service; rm\n"
           "/etc/systemd/system/aivaultd-shared.* /etc/sysusers.d/aivault.conf",
       .examples = "aivault setup systemd --daemon-user aivault --dry-run\n"
                   "sudo aivault setup systemd --daemon-user aivault"},
      {.words = "setup launchd",
       .summary = "On macOS: run the daemon at login",
       .run = run_setup_launchd,
       .flags = kLaunchd,
       .verbose = Verbose::unknown,
       .about = "Only available on macOS.",
       .examples = "aivault setup launchd"},
  };
}

}  // namespace aivault::cli
