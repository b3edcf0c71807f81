#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kOutcomes = std::to_array<std::string_view>({"started", "ok", "denied", "error"});
constexpr auto kAudit = std::to_array<Flag>({
    {"limit", ValueKind::number, "N", "Number of events (default 200; with --follow 10)"},
    {"before-ts-ms", ValueKind::integer, "MS", "Only events before this time, Unix milliseconds"},
    {"after-ts-ms", ValueKind::integer, "MS", "Only events after this time, Unix milliseconds"},
    {"kind", ValueKind::text, "KIND", "Only this kind; may end in *", Need::repeatable},
    {"capability", ValueKind::text, "PATTERN", "Only this capability; may end in *"},
    {"credential", ValueKind::text, "ID", "Only calls with this credential"},
    {"secret-id", ValueKind::text, "ID", "Only events about this secret"},
    {"agent", ValueKind::text, "NAME", "Only events of this agent"},
    {"uid", ValueKind::number, "UID", "Only events caused by this user id"},
    {"outcome", ValueKind::choice, "OUTCOME", "Only this outcome", Need::optional, kOutcomes},
    {"follow", ValueKind::boolean, "", "Print the last events, then new ones as they happen"},
});
constexpr auto kAuditVerify = std::to_array<Flag>({
    {"head", ValueKind::text, "SEQ:HASH", "A head from an earlier run that must lie on the chain"},
});

}  // namespace

std::vector<Command> audit_commands() {
  return {
      {.words = "audit",
       .summary = "Print events, newest first",
       .run = run_audit,
       .flags = kAudit,
       .about = "Reads only: calls, refusals and changes. Filters combine; several --kind are\n"
                "alternatives. With --follow one event a line, oldest first, until Ctrl-C.",
       .examples = "aivault audit --limit 20 --outcome denied\n"
                   "aivault audit --kind 'secret.*' --after-ts-ms 1767225600000\n"
                   "aivault audit --follow --capability 'openai/*'"},
      {.words = "audit verify",
       .summary = "Check that no event was changed or removed",
       .run = run_audit_verify,
       .flags = kAuditVerify,
       .about =
           "Recomputes the keyed chain over all events; reads only. Exit status 1 at a break, a\n"
           "missing archive, or a head that does not lie on the chain. Keep the printed head\n"
           "elsewhere: with --head a later run shows that nothing before it was taken away.",
       .examples = "aivault audit verify\naivault audit verify --head 812:HASH"},
  };
}

}  // namespace aivault::cli
