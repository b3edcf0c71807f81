#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kBackup = std::to_array<Flag>({
    {"output", ValueKind::path, "PATH", "The archive to write, mode 0600", Need::required},
    {"passphrase-file", ValueKind::path, "PATH", "File with the archive's passphrase; - is stdin"},
    {"without-key", ValueKind::boolean, "", "Leave the master key out"},
    {"force", ValueKind::boolean, "", "Replace an existing file"},
});
constexpr auto kRestore = std::to_array<Flag>({
    {"input", ValueKind::path, "PATH", "The archive", Need::required},
    {"passphrase-file", ValueKind::path, "PATH", "File with the archive's passphrase; - is stdin"},
    {"new-passphrase-file",
     ValueKind::path,
     "PATH",
     "File with the vault's own passphrase; - is stdin"},
    {"provider",
     ValueKind::choice,
     "KIND",
     "What keeps the master key (default: as archived)",
     Need::optional,
     kProviders},
    {"force", ValueKind::boolean, "", "Move an existing vault aside"},
});
constexpr auto kImport = std::to_array<Flag>({
    {"from", ValueKind::path, "DIR", "Directory of a format 1 vault", Need::required},
    {"key-file", ValueKind::path, "PATH", "File with that vault's key; - is stdin"},
    {"key-env", ValueKind::text, "NAME", "Variable with that vault's key"},
    {"passphrase-file", ValueKind::path, "PATH", "File with that vault's passphrase; - is stdin"},
    {"overwrite", ValueKind::boolean, "", "Replace records whose name or id is in use"},
    {"skip-audit", ValueKind::boolean, "", "Leave the old events out"},
    {"dry-run", ValueKind::boolean, "", "Say what would be imported, change nothing"},
});

}  // namespace

std::vector<Command> archive_commands() {
  return {
      {.words = "backup",
       .summary = "Write an encrypted archive of the vault",
       .run = run_backup,
       .flags = kBackup,
       .about =
           "One consistent snapshot of database, header and master key, encrypted under a\n"
           "passphrase of its own; the daemon goes on working meanwhile. The file is written\n"
           "aside, synced, read back and compared before it gets its name. Changes nothing in\n"
           "the vault.",
       .irreversible =
           "With --force an older archive of that name is replaced. Nobody can open an\n"
           "archive whose passphrase is lost.",
       .examples = "aivault backup --output vault.aivb\n"
                   "aivault backup --output /mnt/vault.aivb --passphrase-file - < passphrase"},
      {.words = "restore",
       .summary = "Make the vault from an archive",
       .run = run_restore,
       .flags = kRestore,
       .shared_flags = kProviderFlags,
       .about =
           "The whole archive is decrypted and checked before anything is written. A daemon on\n"
           "this vault is asked to leave first. Tokens and pending approvals are not restored.\n"
           "An existing vault stays untouched without --force.",
       .irreversible =
           "With --force the existing vault is moved to <root>.before-restore-<ms>: it is not\n"
           "deleted, but what was stored since the backup is only there.",
       .examples = "aivault restore --input vault.aivb\n"
                   "aivault restore --input vault.aivb --force --provider file"},
      {.words = "import",
       .summary = "Import a vault of the format 1 directory",
       .run = run_import,
       .flags = kImport,
       .about =
           "Reads secrets, credentials, capabilities, policies, bindings and events of a\n"
           "directory with vault.json version 1, secrets/, broker.json, capabilities.json and\n"
           "audit/, and stores them in one transaction; ids are kept. What fails is listed, the\n"
           "rest is imported, and the exit status is 1. The directory is only read, unless it is\n"
           "the vault's own. --dry-run needs a vault to try it on: aivault init makes one.",
       .irreversible = "--overwrite replaces records that are in the vault. Try --dry-run first.",
       .examples = "aivault import --from ~/old-vault --dry-run\n"
                   "aivault import --from ~/old-vault --key-file old.key"},
  };
}

}  // namespace aivault::cli
