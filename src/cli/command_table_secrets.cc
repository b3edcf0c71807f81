#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kSecretsCreate = std::to_array<Flag>({
    {"name", ValueKind::text, "NAME", "Name, for example OPENAI_API_KEY", Need::required},
    {"value", ValueKind::secret, "TEXT", "Visible to other users: prefer the prompt"},
    {"value-file", ValueKind::path, "PATH", "File with the value; - is stdin"},
    {"alias", ValueKind::text, "NAME", "Another name for it", Need::repeatable},
    {"expires", ValueKind::moment, "WHEN", "Not usable after this moment"},
    {"rotate-every", ValueKind::number, "DAYS", "Remind to rotate it after so many days"},
});
constexpr auto kSecretsUpdate = std::to_array<Flag>({
    {"id", ValueKind::text, "ID", "The secret's id", Need::required},
    {"name", ValueKind::text, "NAME", "New name"},
    {"alias", ValueKind::text, "NAME", "New list of other names", Need::repeatable},
    {"clear-aliases", ValueKind::boolean, "", "Remove all other names"},
    {"expires", ValueKind::moment_or_never, "WHEN", "Not usable after this moment, or 'never'"},
    {"rotate-every", ValueKind::number, "DAYS", "Remind after so many days; 0 is never"},
});
constexpr auto kSecretsRotate = std::to_array<Flag>({
    {"id", ValueKind::text, "ID", "The secret's id", Need::required},
    {"value", ValueKind::secret, "TEXT", "Visible to other users: prefer the prompt"},
    {"value-file", ValueKind::path, "PATH", "File with the value; - is stdin"},
});
constexpr auto kSecretsDelete = std::to_array<Flag>({
    {"id", ValueKind::text, "ID", "The secret's id", Need::required},
});
constexpr auto kAttach = std::to_array<Flag>({
    {"id", ValueKind::text, "ID", "The secret's id", Need::required},
    {"workspace-id", ValueKind::text, "ID", "Workspace of the group", Need::required},
    {"group-id", ValueKind::text, "ID", "The group", Need::required},
});
constexpr auto kSecretsImport = std::to_array<Flag>({
    {"entry",
     ValueKind::secret,
     "NAME=VALUE",
     "Visible to other users: prefer --env-file",
     Need::repeatable},
    {"env-file",
     ValueKind::path,
     "PATH",
     "File with NAME=VALUE lines; - is stdin",
     Need::repeatable},
});

}  // namespace

std::vector<Command> secret_commands() {
  return {
      {.words = "secrets create",
       .summary = "Store a secret",
       .run = run_secrets_create,
       .flags = kSecretsCreate,
       .shared_flags = kScopeFlags,
       .about =
           "Encrypts the value under a data key of its own and stores it. A name that a known\n"
           "provider claims pins the secret to that provider for good, and makes the credential\n"
           "once all its secrets are there.",
       .examples = "aivault secrets create --name OPENAI_API_KEY\n"
                   "aivault secrets create --name DB_URL --value-file - < url --expires 90d\n"
                   "aivault secrets create --name K --scope workspace --workspace-id w1"},
      {.words = "secrets list",
       .summary = "List secrets, never their values",
       .run = run_secrets_list,
       .shared_flags = kScopeFilters,
       .about = "Reads only, sorted by name, revoked secrets included. Works while the vault is\n"
                "locked, with a warning that the records are unverified.",
       .examples = "aivault secrets list\naivault secrets list --scope workspace --json"},
      {.words = "secrets update",
       .summary = "Change name, aliases or dates of a secret",
       .run = run_secrets_update,
       .flags = kSecretsUpdate,
       .about =
           "The value stays. A new name that a known provider claims pins the secret to it and\n"
           "may make its credential; leaving such a name removes the derived credential and\n"
           "keeps the pin.",
       .examples = "aivault secrets update --id ID --name NEW_NAME\n"
                   "aivault secrets update --id ID --expires never --rotate-every 90"},
      {.words = "secrets rotate",
       .summary = "Give a secret a new value",
       .run = run_secrets_rotate,
       .flags = kSecretsRotate,
       .about = "The new value gets a new data key; everything that uses the secret uses the new\n"
                "value from its next call on.",
       .irreversible = "The old value is gone.",
       .examples = "aivault secrets rotate --id ID\n"
                   "aivault secrets rotate --id ID --value-file - < new-key"},
      {.words = "secrets delete",
       .summary = "Destroy a secret and what depends on it",
       .run = run_secrets_delete,
       .flags = kSecretsDelete,
       .about = "One transaction destroys the ciphertext and removes every credential and binding\n"
                "that uses the secret; daemons stop using it at once. The record stays listed as\n"
                "revoked, and its name is free again.",
       .irreversible = "The value cannot be brought back, except from a backup.",
       .examples = "aivault secrets delete --id ID"},
      {.words = "secrets attach-group",
       .summary = "Let the calls of a group use a secret",
       .run = run_secrets_attach,
       .flags = kAttach,
       .about = "Adds the group to the secret's attachments. Attaching it again changes nothing.",
       .examples = "aivault secrets attach-group --id ID --workspace-id w1 --group-id g1"},
      {.words = "secrets detach-group",
       .summary = "Take a secret from the calls of a group",
       .run = run_secrets_detach,
       .flags = kAttach,
       .about = "Removes the group from the secret's attachments, from the next call on. Succeeds\n"
                "also if it was not attached.",
       .examples = "aivault secrets detach-group --id ID --workspace-id w1 --group-id g1"},
      {.words = "secrets import",
       .summary = "Store many secrets from env files or entries",
       .run = run_secrets_import,
       .flags = kSecretsImport,
       .shared_flags = kScopeFlags,
       .about =
           "For each name: rotates the live secret of that name in that scope, else creates it.\n"
           "Blank values are skipped. What fails is listed by name or line number, the rest is\n"
           "stored, and the exit status is 1. Lines are NAME=VALUE, with 'single' or \"double\"\n"
           "quotes, an optional export, and # comments; nothing is expanded.",
       .irreversible = "The old values of rotated secrets are gone.",
       .examples =
           "aivault secrets import --env-file .env\n"
           "aivault secrets import --env-file - --scope workspace --workspace-id w1 < .env"},
  };
}

}  // namespace aivault::cli
