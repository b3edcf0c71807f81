#include "cli/command.h"

#include <algorithm>
#include <array>

#include "cli/command_table.h"

namespace aivault::cli {
namespace {

constexpr auto kGroups = std::to_array<Group>({
    {"secrets", "Store, list, rotate and delete secrets"},
    {"credential", "Say where a secret may be sent, and how"},
    {"capability", "Say what callers may ask for, and look it up"},
    {"capability policy", "Limit what is called: rates, sizes, answers, approval"},
    {"provider", "Bring providers of your own, and look known ones up"},
    {"agent", "Say which user or token may call what"},
    {"oauth", "Log in at providers that give tokens for a time"},
    {"setup", "Prepare a machine for agents under another user"},
    {"audit", "Look at the record of calls and changes"},
});

std::vector<Command> make_commands() {
  std::vector<Command> all;
  for (auto* part : {vault_commands,
                     archive_commands,
                     secret_commands,
                     credential_commands,
                     capability_commands,
                     provider_commands,
                     oauth_commands,
                     call_commands,
                     approval_commands,
                     agent_commands,
                     audit_commands,
                     service_commands,
                     setup_commands,
                     program_commands}) {
    for (auto& command : part()) all.push_back(std::move(command));
  }
  return all;
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
  const auto space = command.words.rfind(' ');
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
