#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kApprovals = std::to_array<Flag>({
    {"all", ValueKind::boolean, {}, "Also what was decided in the last 24 hours"},
    {"follow", ValueKind::boolean, {}, "Keep printing new ones, until Ctrl-C"},
});
constexpr auto kDeny = std::to_array<Flag>({
    {"reason", ValueKind::text, "TEXT", "Kept in the audit"},
});

}  // namespace

std::vector<Command> approval_commands() {
  return {
      {.words = "approvals",
       .summary = "List the calls that wait for your decision",
       .run = run_approvals,
       .flags = kApprovals,
       .about =
           "Reads only: what exactly would be sent, and who asks. Names of callers are what their\n"
           "processes call themselves. A call waits in the daemon that it reached.",
       .examples = "aivault approvals\naivault approvals --follow"},
      with_id("approve",
              "Let a waiting call go",
              run_approve,
              "Lets exactly this one call go, with the bytes that were shown. ID is the whole id.",
              "aivault approve 1f0c9a6be2d47385"),
      {.words = "deny",
       .summary = "Refuse a waiting call",
       .run = run_deny,
       .flags = kDeny,
       .positional = "ID",
       .about = "Ends the call; nothing of it was sent. ID is the whole id.",
       .examples = "aivault deny 1f0c9a6be2d47385 --reason 'not today'"},
  };
}

}  // namespace aivault::cli
