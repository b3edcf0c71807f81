#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kDoctor = std::to_array<Flag>(
    {{"as", ValueKind::text, "USER", "Try what this user can reach (as root)"}});
constexpr auto kShells = std::to_array<std::string_view>({"bash", "zsh", "fish"});

}  // namespace

std::vector<Command> service_commands() {
  return {
      {.words = "doctor",
       .summary = "Check programs, files, vault and daemon; change nothing",
       .run = run_doctor,
       .flags = kDoctor,
       .about =
           "Reads only and never makes a vault. Each check is ok, warn or fail, with a hint.\n"
           "Exit status 1 if one fails. With --as, as root: becomes that user and tries to get at\n"
           "the key, the vault, the daemon and the operator's API; each attempt must be refused.",
       .examples = "aivault doctor\naivault doctor --json\nsudo aivault doctor --as agent"},
      {.words = "restart",
       .summary = "Restart the daemon; running calls finish",
       .run = run_restart,
       .about = "Changes nothing in the vault. A passphrase vault is locked again afterwards.",
       .examples = "aivault restart"},
      {.words = "completion",
       .summary = "Print a completion script for bash, zsh or fish",
       .run = run_completion,
       .positional = "SHELL",
       .positional_choices = kShells,
       .verbose = Verbose::unknown,
       .about = "The script knows commands, flags and choices. It never asks a vault.",
       .examples = "source <(aivault completion bash)"},
  };
}

}  // namespace aivault::cli
