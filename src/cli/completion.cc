#include "cli/completion.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/exit_status.h"

namespace aivault::cli {
namespace {

void append(std::string& list, std::string_view word) {
  if (!list.empty()) list += ' ';
  list += word;
}

// What may follow these words: subcommands, then flags.
struct Place {
  std::string words;  // "secrets create"; empty: the beginning.
  std::string subcommands;
  std::string flags;
  std::string paths;  // Flags whose value is a path.
  std::string ids;    // The group whose list has the ids that may follow: "capability".
};

// The ids that `aivault GROUP list` names are what the command takes; empty: no such.
std::string_view ids_of(const Command& command) {
  if (command.positional != "ID" || last_word(command) == "create") return {};
  const auto group = group_word(command);
  if (group == "capability" || group == "credential" || group == "provider") return group;
  const bool is_call =
      command.words == "invoke" || command.words == "json" || command.words == "markdown";
  return is_call ? "capability" : std::string_view();
}

std::string joined(const Command& command, std::string_view last) {
  const auto group = group_word(command);
  return group.empty() ? std::string(last) : std::string(group) + " " + std::string(last);
}

std::vector<Place> places() {
  Place beginning;
  std::vector<Place> list;
  for (const auto& group : groups()) {
    const auto space = group.word.rfind(' ');
    if (space == std::string_view::npos) {
      append(beginning.subcommands, group.word);
    } else {
      auto& parent = *std::ranges::find(list, group.word.substr(0, space), &Place::words);
      append(parent.subcommands, group.word.substr(space + 1));
    }
    list.push_back({std::string(group.word), {}, {}, {}, {}});
  }
  for (const auto& command : commands()) {
    Place place{joined(command, last_word(command)), {}, {}, {}, {}};
    const auto add_flags = [&place](std::span<const Flag> flags) {
      for (const auto& flag : flags) {
        append(place.flags, "--" + std::string(flag.name));
        if (flag.kind == ValueKind::path) append(place.paths, "--" + std::string(flag.name));
      }
    };
    add_flags(command.flags);
    add_flags(command.shared_flags);
    if (command.verbose == Verbose::accepted) append(place.flags, "--verbose --json");
    append(place.flags, "--help");
    if (command.words == "completion") place.subcommands = "bash zsh fish";
    place.ids = ids_of(command);
    const auto group = group_word(command);
    auto& parent =
        group.empty() ? beginning : *std::ranges::find(list, std::string(group), &Place::words);
    const auto same = std::ranges::find(list, place.words, &Place::words);
    if (same != list.end()) {  // A group that is a command by itself.
      same->flags = place.flags;
      same->paths = place.paths;
      continue;
    }
    append(parent.subcommands, last_word(command));
    list.push_back(place);
    for (const auto alias : command.aliases) {
      place.words = joined(command, alias);
      list.push_back(place);
    }
  }
  append(beginning.subcommands, "help");
  beginning.flags = "--help --version";
  list.insert(list.begin(), std::move(beginning));
  return list;
}

// What a list names, out of its JSON.
constexpr std::string_view kBashIds =
    "_aivault_ids() {\n"
    "  aivault \"$1\" list -v 2>/dev/null </dev/null |"
    " sed -n 's/^ *\"id\": \"\\([^\"]*\\)\".*/\\1/p'\n"
    "}\n";

// `case` of the words before the cursor; bash and zsh (through bashcompinit) share it.
std::string bash_function() {
  std::string cases;
  std::string paths;
  for (const auto& place : places()) {
    cases += "    '" + place.words + "') words='" + place.subcommands + "' flags='" + place.flags +
             "'" + (place.ids.empty() ? "" : " ids='" + place.ids + "'") + " ;;\n";
    for (std::size_t begin = 0; begin < place.paths.size();) {
      const auto end = std::min(place.paths.find(' ', begin), place.paths.size());
      const auto flag = place.paths.substr(begin, end - begin);
      if (("|" + paths + "|").find("|" + flag + "|") == std::string::npos) {
        paths += (paths.empty() ? "" : "|") + flag;
      }
      begin = end + 1;
    }
  }
  return std::string(kBashIds) + R"(_aivault() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local at='' word words='' flags='' ids='' i
  COMPREPLY=()
  case $previous in
    )" + paths +
         R"()
      compopt -o default 2>/dev/null
      return ;;
  esac
  for ((i = 1; i < COMP_CWORD && i <= 3; i++)); do
    word=${COMP_WORDS[i]}
    [[ $word == -* ]] && break
    case "${at:+$at }$word" in
      )" +
         [] {
           std::string known;
           for (const auto& place : places()) {
             if (!place.words.empty()) known += (known.empty() ? "'" : "|'") + place.words + "'";
           }
           return known;
         }() +
         R"() at="${at:+$at }$word" ;;
      *) break ;;
    esac
  done
  case $at in
)" + cases +
         R"(  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else
    [[ -n $ids ]] && words="$words $(_aivault_ids $ids) "
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
)";
}

std::string fish_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string fish_flags(std::string_view condition, std::span<const Flag> flags) {
  std::string text;
  for (const auto& flag : flags) {
    text += "complete -c aivault -n " + fish_quoted(condition) + " -l " + std::string(flag.name);
    if (flag.kind == ValueKind::path) text += " -rF";
    if (flag.kind != ValueKind::boolean && flag.kind != ValueKind::path) text += " -x";
    std::string choices;
    for (const auto choice : flag.choices) append(choices, choice);
    if (!choices.empty()) text += " -a " + fish_quoted(choices);
    text += " -d " + fish_quoted(flag.help) + "\n";
  }
  return text;
}

// Every word of a group was typed.
std::string fish_seen(std::string_view group) {
  std::string condition;
  for (const auto word : split(group, ' ')) {
    condition += condition.empty() ? "" : "; and ";
    condition += "__fish_seen_subcommand_from " + std::string(word);
  }
  return condition;
}

std::string fish_script() {
  std::string text =
      "complete -c aivault -f\n"
      "function __aivault_ids\n"
      "  aivault $argv[1] list -v 2>/dev/null </dev/null |"
      " string replace -rf '^ *\"id\": \"([^\"]*)\".*' '$1'\n"
      "end\n"
      "complete -c aivault -s h -l help -d 'Print help'\n"
      "complete -c aivault -n __fish_use_subcommand -s V -l version -d 'Print the version'\n";
  std::string subcommands;
  for (const auto& group : groups()) {
    const auto space = group.word.rfind(' ');
    const auto place = space == std::string_view::npos
                           ? std::string("__fish_use_subcommand")
                           : fish_quoted(fish_seen(group.word.substr(0, space)));
    text += "complete -c aivault -n " + place + " -a " +
            std::string(group.word.substr(space == std::string_view::npos ? 0 : space + 1)) +
            " -d " + fish_quoted(group.summary) + "\n";
  }
  for (const auto& command : commands()) {
    const auto group = group_word(command);
    const auto last = last_word(command);
    std::string condition = "__fish_seen_subcommand_from " + std::string(last);
    if (group.empty()) {
      condition += "; and not __fish_seen_subcommand_from secrets credential capability";
      if (find_command(last, "verify") == nullptr) {
        text += "complete -c aivault -n __fish_use_subcommand -a " + std::string(last) + " -d " +
                fish_quoted(command.summary) + "\n";
      }
    } else {
      condition = fish_seen(group) + "; and " + condition;
      text += "complete -c aivault -n " + fish_quoted(fish_seen(group)) + " -a " +
              std::string(last) + " -d " + fish_quoted(command.summary) + "\n";
    }
    text += fish_flags(condition, command.flags) + fish_flags(condition, command.shared_flags);
    if (!ids_of(command).empty()) {
      text += "complete -c aivault -n " + fish_quoted(condition) + " -a '(__aivault_ids " +
              std::string(ids_of(command)) + ")'\n";
    }
    if (command.verbose == Verbose::accepted) {
      text += "complete -c aivault -n " + fish_quoted(condition) +
              " -s v -l verbose -l json -d 'Print the result as JSON'\n";
    }
  }
  return text +
         "complete -c aivault -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n";
}

}  // namespace

std::optional<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") {
    return "# bash completion of aivault: source <(aivault completion bash)\n" + bash_function() +
           "complete -F _aivault aivault\n";
  }
  if (shell == "zsh") {
    return "#compdef aivault\nautoload -U +X bashcompinit && bashcompinit\n" + bash_function() +
           "complete -F _aivault aivault\n";
  }
  if (shell == "fish") return "# fish completion of aivault\n" + fish_script();
  return std::nullopt;
}

Result<int> run_completion(Session& session, const Arguments& arguments) {
  const auto script = completion_script(arguments.positional());
  session.print(script.value_or(""));  // The parser knows the three shells.
  return script ? kSuccess : kUsage;
}

}  // namespace aivault::cli
