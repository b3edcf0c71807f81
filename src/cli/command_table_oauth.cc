#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kSetup = std::to_array<Flag>({
    {"provider", ValueKind::text, "NAME", "Who it is for; only repeated", Need::required},
    {"auth-url", ValueKind::text, "URL", "The authorization endpoint", Need::required},
    {"client-id", ValueKind::text, "ID", "The client's id", Need::required},
    {"redirect-uri", ValueKind::text, "URL", "Where the browser is sent back", Need::required},
    {"scope", ValueKind::text, "SCOPE", "What is asked for", Need::repeatable},
    {"state", ValueKind::text, "TEXT", "What comes back unchanged"},
});
constexpr auto kLogin = std::to_array<Flag>({
    {"provider", ValueKind::text, "NAME", "Known provider, or any name of yours", Need::required},
    {"client-id", ValueKind::text, "ID", "The client's id (default: of the secret that is there)"},
    {"client-secret-file", ValueKind::path, "PATH", "File with the client's secret; - is stdin"},
    {"auth-url", ValueKind::text, "URL", "The authorization endpoint (default: the known one)"},
    {"token-endpoint", ValueKind::text, "URL", "Where tokens come from"},
    {"device-url", ValueKind::text, "URL", "The device authorization endpoint"},
    {"host", ValueKind::text, "HOST", "Your host at a provider that has one for each customer"},
    {"tenant-id", ValueKind::text, "ID", "Your directory, where the addresses hold one"},
    {"scope", ValueKind::text, "SCOPE", "What is asked for", Need::repeatable},
    {"device", ValueKind::boolean, "", "Log in on another device, with a code"},
    {"redirect-port", ValueKind::number, "PORT", "Where the browser comes back (default any)"},
    {"no-browser", ValueKind::boolean, "", "Only print the address"},
    {"timeout", ValueKind::duration, "TIME", "How long to wait (default 5m)"},
    {"name", ValueKind::text, "NAME", "The secret's name (default: what the provider claims)"},
});

}  // namespace

std::vector<Command> oauth_commands() {
  return {
      {.words = "oauth login",
       .summary = "Log in at a provider and keep its tokens as a secret",
       .run = run_oauth_login,
       .flags = kLogin,
       .shared_flags = kContextFlags,
       .about =
           "Authorization code with PKCE and a redirect to this machine, or --device. The daemon\n"
           "makes the token calls; no token is printed. The secret is created, or rotated with\n"
           "all its other keys kept. Starts a daemon if none runs.",
       .examples =
           "aivault oauth login --provider acme --client-id ID --name ACME_OAUTH \\\n"
           "  --auth-url https://id.acme.test/auth --token-endpoint "
           "https://id.acme.test/token\n"
           "aivault oauth login --provider acme --client-id ID --name ACME_OAUTH --device \\\n"
           "  --device-url https://id.acme.test/device --token-endpoint "
           "https://id.acme.test/token"},
      {.words = "oauth setup",
       .summary = "Print the address for a consent that you carry out yourself",
       .run = run_oauth_setup,
       .flags = kSetup,
       .about = "Text only: reads no vault and uses no network.",
       .examples = "aivault oauth setup --provider acme --auth-url https://id.acme.test/auth \\\n"
                   "  --client-id ID --redirect-uri http://127.0.0.1/cb --scope read"},
  };
}

}  // namespace aivault::cli
