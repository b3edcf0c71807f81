#include "cli/command.h"

#include <algorithm>
#include <array>

#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kProviders = std::to_array<std::string_view>(
    {"file", "env", "passphrase", "systemd-creds", "keyring", "macos-keychain"});
constexpr auto kScopes = std::to_array<std::string_view>({"global", "workspace", "group"});
constexpr auto kAuthKinds = std::to_array<std::string_view>({"header", "path", "query", "basic"});
constexpr auto kShells = std::to_array<std::string_view>({"bash", "zsh", "fish"});
constexpr auto kOutcomes = std::to_array<std::string_view>({"started", "ok", "denied", "error"});

constexpr auto kScopeFlags = std::to_array<Flag>({
    {"scope", ValueKind::choice, "SCOPE", "Where the secret belongs", Need::optional, kScopes},
    {"workspace-id", ValueKind::text, "ID", "Workspace of a workspace or group scope"},
    {"group-id", ValueKind::text, "ID", "Group of a group scope"},
});
constexpr auto kContextFlags = std::to_array<Flag>({
    {"workspace-id", ValueKind::text, "ID", "Workspace that the call or credential belongs to"},
    {"group-id", ValueKind::text, "ID", "Group inside that workspace"},
});
constexpr auto kInit = std::to_array<Flag>({
    {"provider",
     ValueKind::choice,
     "KIND",
     "What keeps the master key; this version supports file only",
     Need::optional,
     kProviders},
    {"file-path", ValueKind::path, "PATH", "Key file of the provider 'file'"},
});
constexpr auto kAudit = std::to_array<Flag>({
    {"limit", ValueKind::number, "N", "Number of events, newest first (default 200)"},
    {"before-ts-ms", ValueKind::integer, "MS", "Only events before this time, Unix milliseconds"},
    {"after-ts-ms", ValueKind::integer, "MS", "Only events after this time, Unix milliseconds"},
    {"kind", ValueKind::text, "KIND", "Only this kind; may end in *", Need::repeatable},
    {"capability", ValueKind::text, "PATTERN", "Only this capability; may end in *"},
    {"credential", ValueKind::text, "ID", "Only calls with this credential"},
    {"secret-id", ValueKind::text, "ID", "Only events about this secret"},
    {"agent", ValueKind::text, "NAME", "Only events of this agent"},
    {"uid", ValueKind::number, "UID", "Only events caused by this user id"},
    {"outcome", ValueKind::choice, "OUTCOME", "Only this outcome", Need::optional, kOutcomes},
});
constexpr auto kAuditVerify = std::to_array<Flag>({
    {"head", ValueKind::text, "SEQ:HASH", "A head from an earlier run that must lie on the chain"},
});
constexpr auto kSecretsCreate = std::to_array<Flag>({
    {"name", ValueKind::text, "NAME", "Name, for example OPENAI_API_KEY", Need::required},
    {"value", ValueKind::text, "TEXT", "The value; visible to other users: prefer --value-file"},
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
    {"value", ValueKind::text, "TEXT", "The value; visible to other users: prefer --value-file"},
    {"value-file", ValueKind::path, "PATH", "File with the value; - is stdin"},
});
constexpr auto kSecretsDelete = std::to_array<Flag>({
    {"id", ValueKind::text, "ID", "The secret's id", Need::required},
});
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
constexpr auto kCapabilityCreate = std::to_array<Flag>({
    {"provider", ValueKind::text, "NAME", "Provider; default is the credential's"},
    {"credential", ValueKind::text, "ID", "Take provider and host from this credential"},
    {"method", ValueKind::text, "METHOD", "Allowed method", Need::repeatable},
    {"path", ValueKind::text, "PREFIX", "Allowed path and what lies below it", Need::repeatable},
    {"host", ValueKind::text, "HOST[:PORT]", "The one allowed host", Need::repeatable},
});

constexpr auto kCall = std::to_array<Flag>({
    {"request", ValueKind::text, "JSON", "The whole request as JSON"},
    {"request-file", ValueKind::path, "PATH", "The same from a file; - is stdin"},
    {"method", ValueKind::text, "METHOD", "HTTP method"},
    {"path", ValueKind::text, "PATH", "Path, with its query"},
    {"header", ValueKind::text, "NAME=VALUE", "Header of the request", Need::repeatable},
    {"body", ValueKind::text, "TEXT", "Body of the request"},
    {"body-file-path", ValueKind::path, "PATH", "Body from a file; - is stdin"},
    {"multipart-field",
     ValueKind::text,
     "NAME=TEXT",
     "Field of a multipart form",
     Need::repeatable},
    {"multipart-file", ValueKind::text, "FIELD=PATH", "File of a multipart form", Need::repeatable},
    {"fail", ValueKind::boolean, "", "Exit with 22 if the upstream answers 400 or above"},
    {"timeout-ms", ValueKind::number, "MS", "Time for the whole call", Need::optional, {}, 1},
    {"credential", ValueKind::text, "ID", "Use this credential"},
    {"client-ip", ValueKind::text, "IP", "Checked to be loopback, otherwise ignored"},
    {"stream", ValueKind::boolean, "", "Print every chunk as it comes (invoke only)"},
    {"include", ValueKind::boolean, "", "Include status and headers (invoke and json)"},
});
constexpr auto kMarkdownOnly = std::to_array<Flag>({
    {"namespace", ValueKind::text, "NAME", "Wrap the output in <begin NAME> and </end NAME>"},
    {"exclude-field", ValueKind::text, "KEY", "Leave this key out", Need::repeatable},
    {"wrap-field", ValueKind::text, "KEY", "Mark the text of this key", Need::repeatable},
});

template <std::size_t A, std::size_t B>
constexpr std::array<Flag, A + B> join(const std::array<Flag, A>& a, const std::array<Flag, B>& b) {
  std::array<Flag, A + B> all{};
  std::ranges::copy(a, all.begin());
  std::ranges::copy(b, all.begin() + A);
  return all;
}
constexpr auto kMarkdown = join(kCall, kMarkdownOnly);

constexpr auto kGroups = std::to_array<Group>({
    {"secrets", "Store, list, rotate and delete secrets"},
    {"credential", "Say where a secret may be sent, and how"},
    {"capability", "Say what callers may ask for, and look it up"},
    {"audit", "Look at the record of calls and changes"},
});

Command call(std::string_view words,
             std::string_view summary,
             Handler run,
             std::span<const Flag> flags,
             Verbose verbose,
             std::vector<std::string_view> aliases,
             std::string_view example = {}) {
  return {
      words, summary, run, flags, kContextFlags, "ID", {}, verbose, std::move(aliases), example};
}

Command with_id(std::string_view words, std::string_view summary, Handler run) {
  return {.words = words, .summary = summary, .run = run, .positional = "ID"};
}

std::vector<Command> make_commands() {
  std::vector<Command> list{
      {.words = "status", .summary = "Show the vault, its paths and the daemon", .run = run_status},
      {.words = "init",
       .summary = "Create the vault with a chosen key provider",
       .run = run_init,
       .flags = kInit},
      {.words = "secrets create",
       .summary = "Store a secret",
       .run = run_secrets_create,
       .flags = kSecretsCreate,
       .shared_flags = kScopeFlags,
       .example = "aivault secrets create --name OPENAI_API_KEY"},
      {.words = "secrets list",
       .summary = "List secrets, never their values",
       .run = run_secrets_list,
       .shared_flags = kScopeFlags},
      {.words = "secrets update",
       .summary = "Change name, aliases or dates of a secret",
       .run = run_secrets_update,
       .flags = kSecretsUpdate},
      {.words = "secrets rotate",
       .summary = "Give a secret a new value",
       .run = run_secrets_rotate,
       .flags = kSecretsRotate,
       .example = "aivault secrets rotate --id ID --value-file - < new-key"},
      {.words = "secrets delete",
       .summary = "Destroy a secret and what depends on it",
       .run = run_secrets_delete,
       .flags = kSecretsDelete},
      {.words = "credential create",
       .summary = "Make a credential from a secret",
       .run = run_credential_create,
       .flags = kCredentialCreate,
       .shared_flags = kContextFlags,
       .positional = "ID",
       .example = "aivault credential create acme --provider acme --secret-ref vault:secret:ID "
                  "--auth header --host api.acme.test"},
      {.words = "credential list", .summary = "List credentials", .run = run_credential_list},
      with_id("credential delete", "Remove a credential", run_credential_delete),
      with_id("credential enable", "Switch a credential on", run_credential_enable),
      with_id("credential disable", "Switch a credential off", run_credential_disable),
      {.words = "capability create",
       .summary = "Allow methods and paths of one host",
       .run = run_capability_create,
       .flags = kCapabilityCreate,
       .positional = "ID",
       .example = "aivault capability create acme/items --credential acme --method GET "
                  "--path /v1/items"},
      {.words = "capability list",
       .summary = "List what can be called",
       .run = run_capability_list},
      {.words = "capability describe",
       .summary = "Show how a capability is called",
       .run = run_capability_describe,
       .positional = "ID",
       .aliases = {"args", "shape", "inspect"}},
      with_id("capability delete", "Remove a capability", run_capability_delete),
      with_id("capability enable", "Switch a capability on", run_capability_enable),
      with_id("capability disable", "Switch a capability off", run_capability_disable),
  };
  constexpr auto kRaw = Verbose::unknown;
  list.push_back(call("invoke",
                      "Call a capability and print the body",
                      run_invoke,
                      kCall,
                      kRaw,
                      {},
                      "aivault invoke acme/items --path /v1/items?page=2"));
  list.push_back(call("json",
                      "Call a capability and print status and body as JSON",
                      run_json,
                      kCall,
                      Verbose::accepted,
                      {}));
  list.push_back(call("markdown",
                      "Call a capability and print the body as Markdown",
                      run_markdown,
                      kMarkdown,
                      kRaw,
                      {"md"}));
  list.push_back(
      call("capability invoke", "The same as 'aivault invoke'", run_invoke, kCall, kRaw, {"call"}));
  list.push_back(call(
      "capability json", "The same as 'aivault json'", run_json, kCall, Verbose::accepted, {}));
  list.push_back(call("capability markdown",
                      "The same as 'aivault markdown'",
                      run_markdown,
                      kMarkdown,
                      kRaw,
                      {"md"}));
  list.push_back({.words = "audit",
                  .summary = "Print events, newest first",
                  .run = run_audit,
                  .flags = kAudit});
  list.push_back({.words = "audit verify",
                  .summary = "Check that no event was changed or removed",
                  .run = run_audit_verify,
                  .flags = kAuditVerify});
  list.push_back({.words = "doctor",
                  .summary = "Check programs, files, vault and daemon; change nothing",
                  .run = run_doctor});
  list.push_back({.words = "restart",
                  .summary = "Restart the daemon; running calls finish",
                  .run = run_restart});
  list.push_back({.words = "completion",
                  .summary = "Print a completion script for bash, zsh or fish",
                  .run = run_completion,
                  .positional = "SHELL",
                  .positional_choices = kShells,
                  .verbose = Verbose::unknown,
                  .example = "source <(aivault completion bash)"});
  return list;
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> list = make_commands();
  return list;
}

std::span<const Group> groups() { return kGroups; }

std::string_view last_word(const Command& command) {
  const auto space = command.words.rfind(' ');
  return space == std::string_view::npos ? command.words : command.words.substr(space + 1);
}

std::string_view group_word(const Command& command) {
  const auto space = command.words.find(' ');
  return space == std::string_view::npos ? std::string_view() : command.words.substr(0, space);
}

const Command* find_command(std::string_view group, std::string_view word) {
  const auto it = std::ranges::find_if(commands(), [&](const Command& command) {
    return group_word(command) == group &&
           (last_word(command) == word || std::ranges::count(command.aliases, word) > 0);
  });
  return it == commands().end() ? nullptr : &*it;
}

}  // namespace aivault::cli
