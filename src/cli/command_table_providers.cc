#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kAdd = std::to_array<Flag>({
    {"replace", ValueKind::boolean, {}, "Take the place of a file of the same id"},
});

}  // namespace

std::vector<Command> provider_commands() {
  return {
      {.words = "provider list",
       .summary = "List the provider files of the vault",
       .run = run_provider_list,
       .about = "Reads only. One that is not in force says why; nothing of it can be called.",
       .examples = "aivault provider list"},
      {.words = "provider check",
       .summary = "Judge a provider file, without storing it",
       .run = run_provider_check,
       .positional = "FILE",
       .about =
           "For everyone: opens no vault and asks no daemon. Prints every fault with file, line\n"
           "and column on stderr, and on stdout what the file would claim and allow. '-' reads\n"
           "stdin.",
       .examples = "aivault provider check x-acme.json"},
      {.words = "provider add",
       .summary = "Add a provider of your own",
       .run = run_provider_add,
       .flags = kAdd,
       .positional = "FILE",
       .about =
           "Checks the file, prints what would become callable on stderr (with --replace the\n"
           "difference), and stores it in the vault. Its id begins with x-, and it can claim no\n"
           "secret name of another provider. A file with errors changes nothing.",
       .examples = "aivault provider add x-acme.json\n"
                   "aivault provider export openai > x-acme.json   # a file to start from"},
      with_id("provider show",
              "Show what a provider claims and allows",
              run_provider_show,
              "Reads only; any known provider, or a file of yours.",
              "aivault provider show openai"),
      with_id("provider export",
              "Print the file of a provider",
              run_provider_export,
              "Reads only: the text as it was written, of any known provider or a file of yours.",
              "aivault provider export x-acme > x-acme.json"),
      with_id("provider remove",
              "Remove a provider file",
              run_provider_remove,
              "Nothing of it can be called any more. Its secrets stay; its credentials stay, too,\n"
              "switched off. Succeeds also if there is no such file.",
              "aivault provider remove x-acme"),
  };
}

}  // namespace aivault::cli
