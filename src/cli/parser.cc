#include "cli/parser.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <ranges>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/help.h"
#include "cli/moment.h"

namespace aivault::cli {
namespace {

using Words = std::vector<std::string>;

constexpr int kMaxRest = 100'000;

constexpr std::string_view kHelpUsage = "aivault help [COMMAND...]";

bool is_help(const std::string& word) { return word == "-h" || word == "--help"; }
bool is_version(const std::string& word) { return word == "-V" || word == "--version"; }
bool is_group(std::string_view word) {
  return std::ranges::any_of(groups(), [word](const Group& group) { return group.word == word; });
}
// A group that is a command by itself, too.
bool is_plain_group(std::string_view word) {
  return is_group(word) && find_command("", word) == nullptr;
}

std::vector<const Flag*> flags_of(const Command& command) {
  std::vector<const Flag*> flags;
  for (const auto& flag : command.flags) flags.push_back(&flag);
  for (const auto& flag : command.shared_flags) flags.push_back(&flag);
  return flags;
}

UsageError wrong(const Command& command, std::string what) {
  return {std::move(what), command_usage(command)};
}

std::string list_of(std::span<const std::string_view> words) {
  std::string list;
  for (const auto word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  return list;
}

UsageError unexpected(const Command& command, const Words& extras) {
  std::string list;
  for (const auto& word : extras) list += (list.empty() ? "'" : ", '") + word + "'";
  return wrong(command,
               (extras.size() == 1 ? "unexpected argument " : "unexpected arguments ") + list);
}

std::string problem_with(const Flag& flag, const std::string& value) {
  const auto invalid = [&](std::string_view what) {
    return "invalid value '" + value + "' for '--" + std::string(flag.name) +
           "': " + std::string(what);
  };
  switch (flag.kind) {
    case ValueKind::boolean:
    case ValueKind::secret:
    case ValueKind::text: return {};
    case ValueKind::path: return value.empty() ? invalid("a path cannot be empty") : "";
    case ValueKind::integer:
    case ValueKind::number: {
      std::int64_t number = 0;
      const auto* end = value.data() + value.size();
      const auto [stop, error] = std::from_chars(value.data(), end, number);
      if (error == std::errc::result_out_of_range) return invalid("out of range");
      if (error != std::errc{} || stop != end) return invalid("not an integer");
      if (flag.kind == ValueKind::number && number < flag.minimum) return invalid("out of range");
      return {};
    }
    case ValueKind::duration: return parse_duration(value) ? "" : invalid("not a duration");
    case ValueKind::moment_or_never:
      if (value == "never") return {};
      [[fallthrough]];
    case ValueKind::moment:
      return parse_moment(value, UnixMs{}) ? "" : invalid("neither a time nor a duration");
    case ValueKind::choice: break;
  }
  if (std::ranges::count(flag.choices, value) > 0) return {};
  return invalid("choose one of " + list_of(flag.choices));
}

std::string problem_with_positional(const Command& command, const std::string& value) {
  const auto& choices = command.positional_choices;
  if (choices.empty() || std::ranges::count(choices, value) > 0) return {};
  return "invalid value '" + value + "' for " + std::string(command.positional) +
         ": choose one of " + list_of(choices);
}

// Words in the form that CLI11 reads without guessing: `--flag=value` of a flag that takes a value
// becomes two words, a value that looks like a flag needs the `=`.
std::optional<std::string> separate_values(const std::vector<const Flag*>& flags, Words& words) {
  Words separate;
  bool flags_ended = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    separate.push_back(word);
    if (!flags_ended && word.starts_with("-v=")) return "unexpected value for '-v'";
    if (flags_ended || !word.starts_with("--")) continue;
    flags_ended = word == "--";
    const auto equals = word.find('=');
    const auto name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const auto flag = std::ranges::find(flags, name, &Flag::name);
    const bool is_switch = flag == flags.end() || (*flag)->kind == ValueKind::boolean;
    if (is_switch && equals != std::string::npos) {
      return "unexpected value for '" + word.substr(0, equals) + "' or unknown flag";
    }
    if (is_switch) continue;
    if (equals != std::string::npos) {
      separate.back() = word.substr(0, equals);
      separate.push_back(word.substr(equals + 1));
      continue;
    }
    if (i + 1 == words.size()) return "a value is required for '--" + name + "'";
    const auto& value = words[++i];
    if (value.starts_with('-') && value.size() > 1) {
      return "a value is required for '--" + name +
             "' (a value that starts with '-' is written '--" + name + "=VALUE')";
    }
    separate.push_back(value);
  }
  words = std::move(separate);
  return std::nullopt;
}

struct Bound {
  const Flag* flag;
  CLI::Option* option;
};

std::vector<Bound> bind(CLI::App& app, const std::vector<const Flag*>& flags) {
  std::vector<Bound> bound;
  for (const auto* flag : flags) {
    const std::string name = "--" + std::string(flag->name);
    CLI::Option* option = nullptr;
    if (flag->kind == ValueKind::boolean) {
      option = app.add_flag(name);
    } else {
      option = app.add_option(name)->type_size(1)->allow_extra_args(false);
      if (flag->need == Need::repeatable) option->expected(-1)->allow_extra_args(false);
      option->required(flag->need == Need::required);
    }
    bound.push_back({flag, option});
  }
  return bound;
}

std::optional<std::string> collect(const std::vector<Bound>& bound, Arguments& arguments) {
  for (const auto& [flag, option] : bound) {
    if (option->count() == 0) continue;
    if (flag->need != Need::repeatable && option->count() > 1) {
      return "the flag '--" + std::string(flag->name) + "' was given more than once";
    }
    if (flag->kind == ValueKind::boolean) {
      arguments.set(flag->name, {});
      continue;
    }
    for (const auto& value : option->results()) {
      if (auto problem = problem_with(*flag, value); !problem.empty()) return problem;
    }
    arguments.set(flag->name, option->results());
  }
  return std::nullopt;
}

// The words behind "--", which are another program's; nullopt: there are none.
std::optional<Words> take_program(Words& words) {
  const auto mark = std::ranges::find(words, "--");
  if (mark == words.end() || mark + 1 == words.end()) return std::nullopt;
  Words program(mark + 1, words.end());
  words.erase(mark, words.end());
  return program;
}

Parsed parse_command(const Command& command, Words words) {
  const auto flags = flags_of(command);
  // Help wins over every mistake on the line, as it is asked for when one is unsure.
  for (const auto& word : words | std::views::take_while([](const auto& w) { return w != "--"; })) {
    if (is_help(word)) return ShowHelp{command_help(command)};
    if (is_version(word)) return ShowVersion{};
  }
  Words program;
  if (runs_program(command)) {
    auto taken = take_program(words);
    if (!taken) return wrong(command, "a program to run is required behind '--'");
    program = *std::move(taken);
  }
  if (auto problem = separate_values(flags, words)) return wrong(command, *std::move(problem));

  CLI::App app;
  app.set_help_flag();
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto bound = bind(app, flags);
  CLI::Option* verbose = nullptr;
  if (command.verbose == Verbose::accepted) {
    verbose = app.add_flag("-v,--verbose,--json");
  }
  CLI::Option* positional = nullptr;
  if (!command.positional.empty() && !runs_program(command)) {
    std::string_view name = command.positional;  // "ID"; "[TEXT]" may be left out.
    const bool may_lack = name.starts_with('[');
    if (may_lack) name = name.substr(1, name.size() - 2);
    positional = app.add_option(std::string(name))->type_size(1)->expected(1);
    positional->required(!may_lack)->allow_extra_args(false);
  }
  CLI::Option* rest = nullptr;
  if (!command.rest.empty()) {
    rest = app.add_option("REST")->type_size(1)->expected(0, kMaxRest)->allow_extra_args();
  }
  std::ranges::reverse(words);  // As CLI11 takes them.
  try {
    app.parse(std::move(words));
  } catch (const CLI::ExtrasError&) {
    return unexpected(command, app.remaining());
  } catch (const CLI::ParseError& error) {
    return wrong(command, error.what());
  }
  Arguments arguments(command);
  arguments.set_program(std::move(program));
  if (auto problem = collect(bound, arguments)) return wrong(command, *std::move(problem));
  if (verbose != nullptr && verbose->count() > 0) {
    if (verbose->count() > 1)
      return wrong(command, "the flag '--verbose' was given more than once");
    arguments.set_wants_json();
  }
  if (positional != nullptr && positional->count() > 0) {
    const auto& text = positional->results().front();
    if (auto problem = problem_with_positional(command, text); !problem.empty()) {
      return wrong(command, std::move(problem));
    }
    arguments.set_positional(text);
  }
  if (rest != nullptr) arguments.set_rest(rest->results());
  return arguments;
}

// NOLINTNEXTLINE(misc-no-recursion): groups of groups, two deep.
Parsed parse_group(const std::string& group, const Words& words) {
  if (words.empty()) return SubcommandMissing{group_help(group)};
  const auto& word = words.front();
  if (is_help(word)) return ShowHelp{group_help(group)};
  if (is_version(word)) return ShowVersion{};
  if (const auto inner = group + ' ' + word; is_group(inner)) {
    return parse_group(inner, {words.begin() + 1, words.end()});
  }
  const auto* command = find_command(group, word);
  if (command != nullptr) return parse_command(*command, {words.begin() + 1, words.end()});
  return UsageError{word.starts_with('-') ? "unexpected argument '" + word + "' found"
                                          : "unrecognized subcommand '" + word + "'",
                    group_usage(group)};
}

Parsed help_about(const Words& words) {
  for (const auto& word : words) {
    if (is_help(word)) return ShowHelp{program_help()};
    if (is_version(word)) return ShowVersion{};
    if (word.starts_with('-')) {
      return UsageError{"unexpected argument '" + word + "' found", std::string(kHelpUsage)};
    }
  }
  if (words.empty()) return ShowHelp{program_help()};
  const auto& first = words.front();
  std::string all = first;
  for (std::size_t i = 1; i < words.size(); ++i) all += ' ' + words[i];
  if (is_plain_group(all)) return ShowHelp{group_help(all)};
  if (words.size() == 1 && first == "help") return ShowHelp{program_help()};
  const Command* command = nullptr;
  if (words.size() == 1) command = find_command("", first);
  if (words.size() >= 2) {
    command = find_command(all.substr(0, all.size() - words.back().size() - 1), words.back());
  }
  if (command != nullptr) return ShowHelp{command_help(*command)};
  return UsageError{"unrecognized command '" + words.back() + "'", std::string(kHelpUsage)};
}

}  // namespace

Parsed parse(const Words& words) {
  if (words.empty()) return SubcommandMissing{program_help()};
  const auto& first = words.front();
  const Words rest(words.begin() + 1, words.end());
  if (is_help(first)) return ShowHelp{program_help()};
  if (is_version(first)) return ShowVersion{};
  if (first == "help") return help_about(rest);
  if (is_group(first) && !rest.empty() && find_command(first, rest.front()) != nullptr) {
    return parse_group(first, rest);
  }
  if (const auto* command = find_command("", first)) return parse_command(*command, rest);
  if (is_group(first)) return parse_group(first, rest);
  return UsageError{first.starts_with('-') ? "unexpected argument '" + first + "' found"
                                           : "unrecognized command '" + first + "'",
                    program_usage()};
}

}  // namespace aivault::cli
