#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kRun = std::to_array<Flag>({
    {"agent", ValueKind::text, "NAME", "Act as this agent (operator only)"},
    {"allow",
     ValueKind::text,
     "PATTERN",
     "Allow only these: an id, or a prefix and '*'",
     Need::repeatable},
    {"credential", ValueKind::text, "ID", "Use this one of its provider", Need::repeatable},
    {"sandbox", ValueKind::boolean, "", "No network but the vault, no sight of it, or no start"},
    {"ttl", ValueKind::duration, "TIME", "At most this long (default 12h, at most 24h)"},
});
constexpr auto kMcp = std::to_array<Flag>({
    {"agent", ValueKind::text, "NAME", "Act as this agent (operator only)"},
    {"allow",
     ValueKind::text,
     "PATTERN",
     "Offer only these: an id, or a prefix and '*'",
     Need::repeatable},
    {"credential", ValueKind::text, "ID", "Call with this credential"},
});

}  // namespace

std::vector<Command> program_commands() {
  return {
      {.words = "run",
       .summary = "Run a program that calls APIs and holds no key",
       .run = run_run,
       .flags = kRun,
       .shared_flags = kContextFlags,
       .positional = "-- CMD [ARG...]",
       .verbose = Verbose::unknown,
       .about =
           "Gives the program a base URL on 127.0.0.1 and a token that ends with it, in the\n"
           "variables that SDKs read, and takes the secrets out of its environment. Ends with\n"
           "the status of the program. What else it may do is the system's matter, unless\n"
           "--sandbox gives it a network with nothing but the vault, hides the vault's files and\n"
           "other homes, and lets it write in its working directory and to temporary files only.",
       .examples = "aivault run -- python3 agent.py\n"
                   "aivault run --allow 'openai/*' --ttl 1h -- npm start\n"
                   "aivault run --sandbox -- python3 downloaded.py"},
      {.words = "mcp",
       .summary = "Offer capabilities as tools to an agent (MCP on stdin and stdout)",
       .run = run_mcp,
       .flags = kMcp,
       .shared_flags = kContextFlags,
       .verbose = Verbose::unknown,
       .about = "A Model Context Protocol server for Claude Code, Codex, Cursor, VS Code and\n"
                "others. One tool for each capability that the caller may invoke; the daemon adds\n"
                "the key. Ends with stdin.",
       .examples = "aivault mcp\naivault mcp --allow 'github/*' --allow openai/models"},
  };
}

}  // namespace aivault::cli
