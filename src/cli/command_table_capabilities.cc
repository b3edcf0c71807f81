#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kCapabilityCreate = std::to_array<Flag>({
    {"provider", ValueKind::text, "NAME", "Provider; default is the credential's"},
    {"credential", ValueKind::text, "ID", "Take provider and host from this credential"},
    {"method", ValueKind::text, "METHOD", "Allowed method", Need::repeatable},
    {"path", ValueKind::text, "PREFIX", "Allowed path and what lies below it", Need::repeatable},
    {"host", ValueKind::text, "HOST[:PORT]", "The one allowed host", Need::repeatable},
});
constexpr auto kBind = std::to_array<Flag>({
    {"capability", ValueKind::text, "ID", "The capability", Need::required},
    {"secret-ref", ValueKind::text, "REF", "vault:secret:<id>", Need::required},
    {"consumer", ValueKind::text, "NAME", "Only for this agent or user"},
});
constexpr auto kScrubModes = std::to_array<std::string_view>({"auto", "all", "off"});
constexpr auto kPolicySet = std::to_array<Flag>({
    {"capability", ValueKind::text, "ID", "The capability", Need::required},
    {"rate-limit-per-minute", ValueKind::number, "N", "Calls in any 60 seconds; 0 refuses all"},
    {"max-request-body-bytes", ValueKind::number, "N", "Larger request bodies are refused"},
    {"max-response-body-bytes", ValueKind::number, "N", "Larger answers are an error"},
    {"response-block",
     ValueKind::text,
     "TEXT",
     "Becomes [REDACTED] in answers: literal:TEXT, field:NAME (a JSON member), or both",
     Need::repeatable},
    {"require-approval", ValueKind::boolean, {}, "Each call waits for `aivault approve`"},
    {"approval-timeout",
     ValueKind::duration,
     "DURATION",
     "How long a call waits (default 5m, at most 1h)"},
    {"scrub",
     ValueKind::choice,
     "MODE",
     "Which answers are searched for the secret (default auto)",
     Need::optional,
     kScrubModes},
});
constexpr auto kUnbind = std::to_array<Flag>({
    {"capability", ValueKind::text, "ID", "The capability", Need::required},
    {"consumer", ValueKind::text, "NAME", "The consumer of the binding"},
});
constexpr auto kBindings = std::to_array<Flag>({
    {"capability", ValueKind::text, "ID", "Only those of this capability"},
    {"consumer", ValueKind::text, "NAME", "Only those for this consumer"},
});
constexpr auto kClasses = std::to_array<std::string_view>({"read", "write", "destructive"});
constexpr auto kCapabilityList = std::to_array<Flag>({
    {"provider", ValueKind::text, "ID", "Only those of this provider"},
    {"class", ValueKind::choice, "CLASS", "Only those of this class", Need::optional, kClasses},
    {"ready", ValueKind::boolean, {}, "Only those that can be called now"},
});

}  // namespace

std::vector<Command> capability_commands() {
  return {
      {.words = "capability create",
       .summary = "Allow methods and paths of one host",
       .run = run_capability_create,
       .flags = kCapabilityCreate,
       .positional = "ID",
       .about =
           "Stores what callers may ask for. It names no secret: which credential a call uses is\n"
           "chosen by provider and host.",
       .examples = "aivault capability create acme/items --credential acme --method GET "
                   "--path /v1/items"},
      {.words = "capability list",
       .summary = "List what can be called",
       .run = run_capability_list,
       .flags = kCapabilityList,
       .positional = "[TEXT]",
       .about =
           "Reads only: what is ready, what still needs a credential, and what is disabled. With\n"
           "words or flags it shows those that fit all of them, with class and summary.",
       .examples = "aivault capability list\n"
                   "aivault capability list 'send mail'\n"
                   "aivault capability list --provider github --class read\n"
                   "aivault capability list --ready"},
      {.words = "capability describe",
       .summary = "Show how a capability is called",
       .run = run_capability_describe,
       .positional = "ID",
       .aliases = {"args", "shape", "inspect"},
       .about = "Reads only: methods, paths and examples, and the secrets it needs.",
       .examples = "aivault capability describe openai/chat-completions"},
      with_id(
          "capability delete",
          "Remove a capability",
          run_capability_delete,
          "One of your own is removed with its policy and bindings; one of a known provider is\n"
          "disabled and keeps its policy.",
          "aivault capability delete acme/items"),
      with_id("capability enable",
              "Switch a capability on",
              run_capability_enable,
              "It may be called again, from the next call on.",
              "aivault capability enable acme/items"),
      with_id("capability disable",
              "Switch a capability off",
              run_capability_disable,
              "Every call of it is refused until it is enabled again. Nothing is removed.",
              "aivault capability disable acme/items"),
      {.words = "capability policy set",
       .summary = "Replace the limits of a capability",
       .run = run_capability_policy_set,
       .flags = kPolicySet,
       .about =
           "The flags replace the whole policy: without any, nothing is limited. Limits hold "
           "across\n"
           "callers, daemons and restarts. Where several capabilities of a provider reach a call,\n"
           "the strictest of their policies applies. `aivault capability list -v` shows them.",
       .examples = "aivault capability policy set --capability openai/chat-completions "
                   "--rate-limit-per-minute 60\n"
                   "aivault capability policy set --capability stripe/charges --require-approval"},
      {.words = "capability bind",
       .summary = "Let a capability use another secret for some calls",
       .run = run_capability_bind,
       .flags = kBind,
       .shared_flags = kScopeFlags,
       .about =
           "In matching calls the bound secret takes the place of the credential's own. The\n"
           "narrowest scope wins: group, workspace, global; then with a consumer before without.\n"
           "A binding of the same capability, scope and consumer is replaced.",
       .examples = "aivault capability bind --capability acme/items --secret-ref vault:secret:ID\n"
                   "aivault capability bind --capability acme/items --secret-ref vault:secret:ID "
                   "--scope workspace --workspace-id w1 --consumer ci"},
      {.words = "capability unbind",
       .summary = "Remove a binding",
       .run = run_capability_unbind,
       .flags = kUnbind,
       .shared_flags = kScopeFlags,
       .about =
           "Removes the binding of exactly this capability, scope and consumer; succeeds also if\n"
           "there is none. The secret stays.",
       .examples = "aivault capability unbind --capability acme/items"},
      {.words = "capability bindings",
       .summary = "List bindings",
       .run = run_capability_bindings,
       .flags = kBindings,
       .shared_flags = kScopeFilters,
       .about = "Reads only: which secret takes whose place, for whom.",
       .examples = "aivault capability bindings --capability acme/items"},
  };
}

}  // namespace aivault::cli
