#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kAuthKinds = std::to_array<std::string_view>({"header", "path", "query", "basic"});
constexpr auto kCredentialCreate = std::to_array<Flag>({
    {"provider", ValueKind::text, "NAME", "A known provider, or a name of yours", Need::required},
    {"secret-ref", ValueKind::text, "REF", "vault:secret:<id>", Need::required},
    {"param",
     ValueKind::text,
     "NAME=VALUE",
     "A value the known provider asks for",
     Need::repeatable},
    {"auth", ValueKind::choice, "KIND", "How the secret is sent", Need::optional, kAuthKinds},
    {"host", ValueKind::text, "HOST[:PORT]", "Where it may be sent", Need::repeatable},
    {"header-name", ValueKind::text, "NAME", "Header (default authorization)"},
    {"value-template", ValueKind::text, "TEXT", "Its value (default 'Bearer {{secret}}')"},
    {"query-param", ValueKind::text, "NAME", "Query parameter (default api_key)"},
    {"path-prefix-template", ValueKind::text, "TEXT", "Path prefix (default /bot{{secret}})"},
    {"username-template", ValueKind::text, "TEXT", "Basic user name (default {{username}})"},
    {"password-template", ValueKind::text, "TEXT", "Basic password (default {{password}})"},
    {"default-header",
     ValueKind::text,
     "NAME=VALUE",
     "Sent when the caller sends no such header",
     Need::repeatable},
    {"allow-private-network", ValueKind::boolean, "", "The host may be in private address space"},
    {"tls-ca-file", ValueKind::path, "PATH", "Further trust anchors for this host, PEM"},
});

}  // namespace

std::vector<Command> credential_commands() {
  return {
      {.words = "credential create",
       .summary = "Make a credential from a secret",
       .run = run_credential_create,
       .flags = kCredentialCreate,
       .shared_flags = kContextFlags,
       .positional = "ID",
       .about =
           "Stores which host gets the secret and how it is sent. A known provider brings auth\n"
           "and host along. The secret itself is not touched.",
       .examples = "aivault credential create acme --provider acme --secret-ref vault:secret:ID "
                   "--auth header --host api.acme.test"},
      {.words = "credential list",
       .summary = "List credentials",
       .run = run_credential_list,
       .about =
           "Reads only: stored credentials and those made from the secrets of known providers.",
       .examples = "aivault credential list"},
      with_id(
          "credential delete",
          "Remove a credential",
          run_credential_delete,
          "A stored credential is removed; one that aivault made by itself is disabled until it\n"
          "is enabled again. Its secret stays.",
          "aivault credential delete acme"),
      with_id("credential enable",
              "Switch a credential on",
              run_credential_enable,
              "Calls may use it again, from the next one on.",
              "aivault credential enable openai"),
      with_id("credential disable",
              "Switch a credential off",
              run_credential_disable,
              "No call uses it until it is enabled again. Nothing is removed.",
              "aivault credential disable openai"),
  };
}

}  // namespace aivault::cli
