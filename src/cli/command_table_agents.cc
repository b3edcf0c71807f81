#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kCreate = std::to_array<Flag>({
    {"user", ValueKind::text, "USER", "The OS user whose calls are this agent's"},
    {"allow",
     ValueKind::text,
     "PATTERN",
     "What it may invoke: an id, or a beginning and *",
     Need::repeatable},
    {"read-only", ValueKind::boolean, {}, "Only calls that read"},
    {"rate-limit-per-minute",
     ValueKind::number,
     "N",
     "Calls in any 60 seconds, of all capabilities"},
    {"expires", ValueKind::moment, "WHEN", "May do nothing after this moment"},
    {"workspace-id", ValueKind::text, "ID", "Its calls belong to this workspace"},
    {"group-id", ValueKind::text, "ID", "Its calls belong to this group of the workspace"},
    {"allow-group", ValueKind::text, "ID", "A group that its calls may name", Need::repeatable},
    {"credential",
     ValueKind::text,
     "ID",
     "Of this credential's provider only the listed ones",
     Need::repeatable},
});
constexpr auto kGrant = std::to_array<Flag>({
    {"read-only", ValueKind::boolean, {}, "Only calls that read"},
    {"no-read-only", ValueKind::boolean, {}, "Any call that it is granted"},
    {"rate-limit-per-minute",
     ValueKind::number,
     "N",
     "Calls in any 60 seconds, of all capabilities"},
    {"expires", ValueKind::moment_or_never, "WHEN", "May do nothing after this moment, or 'never'"},
});
constexpr auto kRevoke = std::to_array<Flag>({
    {"token", ValueKind::text, "ID", "A token of the agent", Need::repeatable},
    {"all-tokens", ValueKind::boolean, {}, "All tokens of the agent"},
});
constexpr auto kToken = std::to_array<Flag>({
    {"ttl", ValueKind::duration, "TIME", "How long it serves (default 30d, at most 365d)"},
});

Command of_agent(std::string_view words,
                 std::string_view summary,
                 Handler run,
                 std::string_view about,
                 std::string_view examples) {
  auto command = with_id(words, summary, run, about, examples);
  command.positional = "NAME";
  return command;
}

}  // namespace

std::vector<Command> agent_commands() {
  auto create = of_agent(
      "agent create",
      "Let an OS user, or the holders of a token, call",
      run_agent_create,
      "Stores a record that binds an OS user to what it may invoke; without --allow that is\n"
      "nothing. A user has at most one agent. Without --user the agent works by token only.\n"
      "The first agent closes the default access: users without an agent may do nothing from\n"
      "then on. PATTERN is a capability id, or a beginning and one final *; a * never covers\n"
      "what returns new credentials or is marked explicit or nested.",
      "aivault agent create ci --user agent --allow 'openai/*' --read-only\n"
      "aivault agent create nightly --allow github/repos --expires 90d");
  create.flags = kCreate;
  auto grant = of_agent("agent grant",
                        "Allow an agent more, or change its limits",
                        run_agent_grant,
                        "Adds the patterns and changes the given properties. Takes effect with the "
                        "next call.",
                        "aivault agent grant ci openai/models --rate-limit-per-minute 60");
  grant.flags = kGrant;
  grant.rest = "[PATTERN...]";
  auto revoke =
      of_agent("agent revoke",
               "Take patterns or tokens back from an agent",
               run_agent_revoke,
               "Removes patterns, written as they were granted, and tokens. Running calls "
               "that would\nno longer be allowed end within a second.",
               "aivault agent revoke ci 'openai/*'\naivault agent revoke ci --all-tokens");
  revoke.flags = kRevoke;
  revoke.rest = "[PATTERN...]";
  auto token =
      of_agent("agent token",
               "Mint a token of an agent, shown this once",
               run_agent_token,
               "The token gives what the agent is granted at the time of each call, and "
               "no more than\nits holder may do anyway. Of an agent with a user, only that\n"
               "user can use it. Only a hash is stored.",
               "aivault agent token ci --ttl 7d");
  token.flags = kToken;
  auto remove = of_agent("agent delete",
                         "Remove an agent with its tokens",
                         run_agent_delete,
                         "Its user falls under the default access from then on; the command says "
                         "what that is.",
                         "aivault agent delete ci");
  remove.irreversible = "the agent's tokens.";
  constexpr static auto kAccess = std::to_array<std::string_view>({"open", "closed"});
  return {
      std::move(create),
      {.words = "agent list",
       .summary = "List the agents",
       .run = run_agent_list,
       .about = "Reads only.",
       .examples = "aivault agent list"},
      of_agent(
          "agent show", "Show one agent", run_agent_show, "Reads only.", "aivault agent show ci"),
      std::move(grant),
      std::move(revoke),
      std::move(token),
      std::move(remove),
      {.words = "agent default-access",
       .summary = "Show or set what users without an agent may do",
       .run = run_agent_default_access,
       .positional = "[ACCESS]",
       .positional_choices = kAccess,
       .about =
           "open: every ready capability that needs no grant of its own, with global secrets.\n"
           "closed: nothing. A new vault is open until its first agent is made.",
       .examples = "aivault agent default-access closed"}};
}

}  // namespace aivault::cli
