// command_table: the rows of the command table, one file a noun; command.cc puts them together.
// Thread: any; pure.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace aivault::cli {

std::vector<Command> vault_commands();
std::vector<Command> archive_commands();
std::vector<Command> secret_commands();
std::vector<Command> credential_commands();
std::vector<Command> capability_commands();
std::vector<Command> provider_commands();
std::vector<Command> oauth_commands();
std::vector<Command> call_commands();
std::vector<Command> approval_commands();
std::vector<Command> agent_commands();
std::vector<Command> audit_commands();
std::vector<Command> service_commands();
std::vector<Command> program_commands();
std::vector<Command> setup_commands();

inline constexpr auto kScopes = std::to_array<std::string_view>({"global", "workspace", "group"});
inline constexpr auto kProviders = std::to_array<std::string_view>(
    {"file", "env", "passphrase", "systemd-creds", "keyring", "macos-keychain"});

// Where a secret or a binding belongs.
inline constexpr auto kScopeFlags = std::to_array<Flag>({
    {"scope",
     ValueKind::choice,
     "SCOPE",
     "Where it belongs (default global)",
     Need::optional,
     kScopes},
    {"workspace-id", ValueKind::text, "ID", "Workspace of a workspace or group scope"},
    {"group-id", ValueKind::text, "ID", "Group of a group scope"},
});
// The same words as filters of a list.
inline constexpr auto kScopeFilters = std::to_array<Flag>({
    {"scope", ValueKind::choice, "SCOPE", "Only those of this scope", Need::optional, kScopes},
    {"workspace-id", ValueKind::text, "ID", "Only those of this workspace"},
    {"group-id", ValueKind::text, "ID", "Only those of this group"},
});
inline constexpr auto kContextFlags = std::to_array<Flag>({
    {"workspace-id", ValueKind::text, "ID", "Workspace that the call or credential belongs to"},
    {"group-id", ValueKind::text, "ID", "Group inside that workspace"},
});
// What keeps the master key: init, rotate-master, restore.
inline constexpr auto kProviderFlags = std::to_array<Flag>({
    {"env-var", ValueKind::text, "NAME", "env: variable with the key (default AIVAULT_KEY)"},
    {"file-path", ValueKind::path, "PATH", "file: the key file"},
    {"credential-name", ValueKind::text, "NAME", "systemd-creds: credential (default aivault-kek)"},
    {"key-description", ValueKind::text, "TEXT", "keyring: description (default aivault:kek)"},
    {"keychain-service", ValueKind::text, "TEXT", "macos-keychain: service (default aivault)"},
    {"keychain-account", ValueKind::text, "TEXT", "macos-keychain: account (default kek)"},
});

// A command whose one argument is the id of a thing.
inline Command with_id(std::string_view words,
                       std::string_view summary,
                       Handler run,
                       std::string_view about,
                       std::string_view examples) {
  return {.words = words,
          .summary = summary,
          .run = run,
          .positional = "ID",
          .about = about,
          .examples = examples};
}

template <std::size_t A, std::size_t B>
constexpr std::array<Flag, A + B> join(const std::array<Flag, A>& a, const std::array<Flag, B>& b) {
  std::array<Flag, A + B> all{};
  std::ranges::copy(a, all.begin());
  std::ranges::copy(b, all.begin() + A);
  return all;
}

}  // namespace aivault::cli
