#include "cli/help.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace aivault::cli {
namespace {

using Row = std::pair<std::string, std::string>;

constexpr std::size_t kWidth = 80;

// The words of `text`, from `column` on, in lines of at most kWidth; further lines are indented.
std::string wrapped(std::string_view text, std::size_t column, std::size_t indent) {
  std::string lines;
  bool begins = true;
  while (!text.empty()) {
    const auto size = std::min(text.find_first_of(" \n"), text.size());
    const auto word = text.substr(0, size);
    text.remove_prefix(std::min(size + 1, text.size()));
    if (word.empty()) continue;
    if (!begins && column + 1 + word.size() > kWidth) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
      begins = true;
    }
    if (!begins) lines += ' ';
    lines += word;
    column += word.size() + (begins ? 0 : 1);
    begins = false;
  }
  return lines;
}

std::string table(std::string_view heading, const std::vector<Row>& rows) {
  if (rows.empty()) return {};
  std::size_t width = 0;
  for (const auto& [left, right] : rows) width = std::max(width, left.size());
  std::string text = "\n" + std::string(heading) + ":\n";
  for (const auto& [left, right] : rows) {
    text += "  " + left + std::string(width - left.size() + 2, ' ') +
            wrapped(right, width + 4, width + 4) + "\n";
  }
  return text;
}

std::string list_of(std::span<const std::string_view> words) {
  std::string text;
  for (const auto word : words) text += std::string(text.empty() ? "" : ", ") + std::string(word);
  return text;
}

std::string spelled(const Flag& flag) {
  std::string text = "--" + std::string(flag.name);
  if (flag.kind != ValueKind::boolean) text += " " + std::string(flag.value);
  return text;
}

std::string described(const Flag& flag) {
  std::string text(flag.help);
  if (!flag.choices.empty()) text += ": " + list_of(flag.choices);
  if (flag.need == Need::required) text += " (required)";
  if (flag.need == Need::repeatable) text += " (may be repeated)";
  return text;
}

std::vector<Row> rows_of(std::span<const Flag> flags) {
  std::vector<Row> rows;
  for (const auto& flag : flags) rows.emplace_back(spelled(flag), described(flag));
  return rows;
}

std::vector<Row> commands_of(std::string_view group) {
  std::vector<Row> rows;
  for (const auto& command : commands()) {
    if (group_word(command) != group) continue;
    std::string summary(command.summary);
    if (!command.aliases.empty()) summary += " (also: " + list_of(command.aliases) + ")";
    rows.emplace_back(last_word(command), std::move(summary));
  }
  return rows;
}

// Of the groups right below `group`.
void add_groups(std::string_view group, std::vector<Row>& rows) {
  for (const auto& inner : groups()) {
    const auto space = inner.word.rfind(' ');
    const auto parent = space == std::string_view::npos ? "" : inner.word.substr(0, space);
    if (parent != group) continue;
    const auto last = space == std::string_view::npos ? inner.word : inner.word.substr(space + 1);
    rows.emplace_back(last, inner.summary);
  }
}

const Row kHelpRow{"-h, --help", "Print this help"};
const Row kVersionRow{"-V, --version", "Print the version"};

}  // namespace

std::string program_usage() { return "aivault COMMAND [SUBCOMMAND] [OPTIONS]"; }

std::string group_usage(std::string_view group) {
  return "aivault " + std::string(group) + " SUBCOMMAND [OPTIONS]";
}

std::string command_usage(const Command& command) {
  std::string text = "aivault " + std::string(command.words);
  auto positional = command.positional.empty() ? "" : " " + std::string(command.positional);
  if (!command.rest.empty()) positional += " " + std::string(command.rest);
  if (runs_program(command)) return text + " [OPTIONS]" + positional;
  text += positional;
  for (const auto& flag : command.flags) {
    if (flag.need == Need::required) text += " " + spelled(flag);
  }
  return text + " [OPTIONS]";
}

std::string program_help() {
  std::string text =
      "aivault keeps API keys away from the programs that use them.\n\nUsage: " + program_usage() +
      "\n";
  auto rows = commands_of("");
  std::erase_if(rows, [](const Row& row) { return row.first == "audit"; });
  add_groups("", rows);
  rows.emplace_back("help", "Print help, also of a command: aivault help COMMAND");
  std::ranges::sort(rows);
  return text + table("Commands", rows) + table("Options", {kHelpRow, kVersionRow}) +
         "\nMore: man aivault\n";
}

std::string group_help(std::string_view group) {
  const auto found =
      std::ranges::find_if(groups(), [group](const Group& g) { return g.word == group; });
  std::string text = std::string(found->summary) + "\n\nUsage: " + group_usage(group) + "\n";
  auto rows = commands_of(group);
  add_groups(group, rows);
  return text + table("Subcommands", rows) + table("Options", {kHelpRow, kVersionRow});
}

std::string command_help(const Command& command) {
  std::string text = std::string(command.summary) + "\n\nUsage: " + command_usage(command) + "\n";
  if (!command.about.empty()) text += "\n" + wrapped(command.about, 0, 0) + "\n";
  if (!command.irreversible.empty()) {
    text += "\n" + wrapped("Cannot be undone: " + std::string(command.irreversible), 0, 0) + "\n";
  }
  auto rows = rows_of(command.flags);
  for (auto& row : rows_of(command.shared_flags)) rows.push_back(std::move(row));
  if (command.verbose == Verbose::accepted) {
    rows.emplace_back("-v, --verbose, --json", "Print the result as JSON");
  }
  rows.push_back(kHelpRow);
  rows.push_back(kVersionRow);
  if (!command.positional_choices.empty()) {
    text +=
        table("Arguments",
              {{std::string(command.positional), "One of " + list_of(command.positional_choices)}});
  }
  text += table("Options", rows);
  // A command may have subcommands besides: audit, audit verify.
  text += table("Subcommands", commands_of(command.words));
  if (command.examples.empty()) return text;
  const auto examples = split(command.examples, '\n');
  text += examples.size() == 1 ? "\nExample:\n" : "\nExamples:\n";
  for (const auto example : examples) text += "  " + std::string(example) + "\n";
  return text;
}

}  // namespace aivault::cli
