#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kInit = std::to_array<Flag>({
    {"provider",
     ValueKind::choice,
     "KIND",
     "What keeps the master key (default file)",
     Need::optional,
     kProviders},
    {"passphrase", ValueKind::secret, "TEXT", "Visible to other users: prefer the prompt"},
    {"passphrase-file", ValueKind::path, "PATH", "File with the passphrase; - is stdin"},
});
constexpr auto kUnlock = std::to_array<Flag>({
    {"passphrase", ValueKind::secret, "TEXT", "Visible to other users: prefer the prompt"},
    {"passphrase-file", ValueKind::path, "PATH", "File with the passphrase; - is stdin"},
    {"for", ValueKind::duration, "TIME", "Lock again after this time: 30m, 8h"},
});
constexpr auto kRotateMaster = std::to_array<Flag>({
    {"new-key", ValueKind::secret, "KEY", "Visible to other users: prefer --new-key-file"},
    {"new-key-file",
     ValueKind::path,
     "PATH",
     "New key: 32 bytes as Base64 or 64 hex digits; - is stdin"},
    {"new-passphrase", ValueKind::secret, "TEXT", "Visible to other users: prefer the prompt"},
    {"new-passphrase-file", ValueKind::path, "PATH", "File with the new passphrase; - is stdin"},
    {"provider",
     ValueKind::choice,
     "KIND",
     "What keeps the master key from now on",
     Need::optional,
     kProviders},
});
constexpr auto kRecover = std::to_array<Flag>({
    {"passphrase-file", ValueKind::path, "PATH", "File with the vault's passphrase; - is stdin"},
    {"accept", ValueKind::boolean, "", "Do it; without this flag nothing is changed"},
});

}  // namespace

std::vector<Command> vault_commands() {
  return {
      {.words = "status",
       .summary = "Show the vault, its paths and the daemon",
       .run = run_status,
       .about = "Reads only, except that a vault that does not exist yet is made with the default\n"
                "provider. Works while the vault is locked.",
       .examples = "aivault status\naivault status --json"},
      {.words = "init",
       .summary = "Create the vault with a chosen key provider",
       .run = run_init,
       .flags = kInit,
       .shared_flags = kProviderFlags,
       .about =
           "Makes the vault with exactly the provider named. A vault that exists is left as it\n"
           "is, and the command fails; one that never held anything gets the new provider.\n"
           "The providers env and systemd-creds need their key to be there already; keyring and\n"
           "macos-keychain are known by name only and refused here.",
       .irreversible =
           "Who loses the passphrase or the key has lost every secret in the vault: there\n"
           "is no other way in. Keep a backup.",
       .examples = "aivault init\n"
                   "aivault init --provider passphrase\n"
                   "aivault init --provider env --env-var ACME_VAULT_KEY"},
      {.words = "unlock",
       .summary = "Give the daemon the passphrase of the vault",
       .run = run_unlock,
       .flags = kUnlock,
       .about =
           "The daemon keeps the master key in locked memory until `aivault lock`, the end of\n"
           "--for, or its own end. A lasting daemon is started if none runs. Changes nothing in\n"
           "the vault; with other providers than passphrase it only prints the status.",
       .examples = "aivault unlock\naivault unlock --for 8h\n"
                   "aivault unlock --passphrase-file - < passphrase"},
      {.words = "lock",
       .summary = "Make the daemon forget the master key",
       .run = run_lock,
       .about =
           "Takes effect at once: calls that have begun finish, all others are refused until\n"
           "`aivault unlock`. With other providers than passphrase the key is read afresh at its\n"
           "next use. Changes nothing in the vault.",
       .examples = "aivault lock"},
      {.words = "rotate-master",
       .summary = "Put the vault under a new master key",
       .run = run_rotate_master,
       .flags = kRotateMaster,
       .shared_flags = kProviderFlags,
       .about =
           "Every data key is wrapped anew and checked before one transaction replaces the old\n"
           "key; a crash leaves the old state or the new one. The secrets themselves stay the\n"
           "same. The provider file makes a key of its own unless it is given one; --provider\n"
           "moves the vault to another provider in the same step.",
       .irreversible =
           "The old key opens the vault no more; it still opens old backups made with it.",
       .examples = "aivault rotate-master\n"
                   "aivault rotate-master --provider passphrase\n"
                   "aivault rotate-master --new-key-file new.key --provider env"},
      {.words = "recover",
       .summary = "Make a damaged vault usable without its damaged records",
       .run = run_recover,
       .flags = kRecover,
       .about =
           "Lists the records whose authentication fails. With --accept they are removed, and\n"
           "what remains is sealed anew. Try `aivault restore` of a backup first.",
       .irreversible =
           "With --accept the listed records are gone, and a vault that was put back to an\n"
           "older state on purpose is taken as it is.",
       .examples = "aivault recover\naivault recover --accept"},
  };
}

}  // namespace aivault::cli
