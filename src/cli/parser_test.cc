#include "cli/parser.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "cli/argument_memory.h"
#include "cli/help.h"

namespace aivault::cli {
namespace {

using Words = std::vector<std::string>;

std::string joined(const Words& words) {
  std::string text;
  for (const auto& word : words) text += word + " ";
  return text;
}

Arguments parsed(const Words& words) {
  auto result = parse(words);
  if (const auto* error = std::get_if<UsageError>(&result)) {
    ADD_FAILURE() << joined(words) << ": " << error->what;
    return Arguments(commands().front());
  }
  if (!std::holds_alternative<Arguments>(result)) {
    ADD_FAILURE() << joined(words) << ": not a command";
    return Arguments(commands().front());
  }
  return std::get<Arguments>(std::move(result));
}

TEST(Parse, RefusesWhatTheCommandLineDoesNotKnow) {
  const std::vector<Words> wrong{
      {"bogus"},
      {"stat"},  // No abbreviations.
      {"--bogus"},
      {"-v"},
      {"secrets", "bogus"},
      {"secrets", "--name", "x"},
      {"status", "--bogus"},
      {"status", "extra"},
      {"status", "--verb"},
      {"secrets", "create"},                            // A required flag.
      {"secrets", "create", "--name"},                  // Without its value.
      {"secrets", "create", "--name", "--value", "x"},  // A value that looks like a flag.
      {"secrets", "create", "--name", "a", "--name", "b"},
      {"secrets", "create", "--name", "a", "--scope", "planet"},
      {"secrets", "create", "--name", "a", "--value-file", ""},
      {"secrets", "create", "--name", "a", "--value-file="},
      {"secrets", "create", "--name", "a", "--rotate-every", "-1"},
      {"secrets", "create", "--name", "a", "--rotate-every=-1"},
      {"secrets", "create", "--name", "a", "--rotate-every", "x"},
      {"secrets", "create", "--name", "a", "--rotate-every", "99999999999999999999"},
      {"secrets", "create", "--name", "a", "--expires", "never"},
      {"secrets", "create", "--name", "a", "--expires", "soon"},
      {"secrets", "update", "--id", "x", "--clear-aliases=true"},
      {"secrets", "update", "--id", "x", "--clear-aliases", "--clear-aliases"},
      {"status", "-v", "--json"},  // One flag by two names.
      {"status", "--verbose=true"},
      {"credential", "create", "--provider", "p", "--secret-ref", "r"},  // No ID.
      {"credential", "delete", "a", "b"},
      {"credential", "create", "a", "--provider", "p", "--secret-ref", "r", "--auth", "magic"},
      {"invoke"},
      {"invoke", "a/b", "--json"},
      {"invoke", "a/b", "--timeout-ms", "0"},
      {"invoke", "a/b", "--method", "GET", "--method", "POST"},
      {"invoke", "a/b", "--namespace", "n"},
      {"markdown", "a/b", "-v"},
      {"audit", "bogus"},
      {"audit", "--limit", "1.5"},
      {"audit", "--outcome", "maybe"},
      {"init", "--provider", "paper"},
      {"completion", "tcsh"},
      {"completion"},
      {"help", "bogus"},
      {"help", "-v"},
      {"help", "secrets", "--json"},
      {"help", "secrets", "create", "more"},
      {"help", "secrets", "bogus"},
      {"unlock", "--for", "soon"},
  };
  for (const auto& words : wrong) {
    EXPECT_TRUE(std::holds_alternative<UsageError>(parse(words))) << joined(words);
  }
}

TEST(Parse, AsksForTheSubcommandOfAGroup) {
  for (const Words& words : std::vector<Words>{{}, {"secrets"}, {"credential"}, {"capability"}}) {
    EXPECT_TRUE(std::holds_alternative<SubcommandMissing>(parse(words))) << joined(words);
  }
}

TEST(Parse, TakesFlagsAndPositionalsInAnyOrder) {
  const std::vector<Words> same{
      {"invoke", "a/b", "--method", "GET", "--header", "x=1", "--header", "y: 2", "--fail"},
      {"invoke", "--header=x=1", "--fail", "--method=GET", "a/b", "--header=y: 2"},
      {"invoke", "--header", "x=1", "--header", "y: 2", "--method", "GET", "--fail", "--", "a/b"},
      {"capability",
       "invoke",
       "--header",
       "x=1",
       "--fail",
       "--header",
       "y: 2",
       "a/b",
       "--method",
       "GET"},
      {"capability",
       "call",
       "--header",
       "x=1",
       "--fail",
       "--header",
       "y: 2",
       "a/b",
       "--method",
       "GET"},
  };
  for (const auto& words : same) {
    const auto arguments = parsed(words);
    EXPECT_EQ(arguments.positional(), "a/b") << joined(words);
    EXPECT_EQ(arguments.text("method"), "GET");
    EXPECT_EQ(arguments.list("header"), (Words{"x=1", "y: 2"}));
    EXPECT_TRUE(arguments.has("fail"));
    EXPECT_FALSE(arguments.has("stream"));
  }
}

TEST(Parse, TakesValuesVerbatim) {
  for (const std::string value :
       {"{}", "[]", "[1,2]", "", "-", "a b", "--x", "%%", "'\"", "a,b", "x=y", "\xFF"}) {
    const auto arguments = parsed({"invoke", "a/b", "--body=" + value});
    EXPECT_EQ(arguments.text("body"), value);
    EXPECT_EQ(parsed({"invoke", "a/b", "--header=" + value, "--header", "z"}).list("header"),
              (Words{value, "z"}));
  }
  EXPECT_EQ(parsed({"invoke", "a/b", "--body", "{}"}).text("body"), "{}");
  EXPECT_EQ(parsed({"invoke", "a/b", "--body", ""}).text("body"), "");
  EXPECT_EQ(parsed({"invoke", "a/b", "--request-file", "-"}).text("request-file"), "-");
  EXPECT_EQ(parsed({"invoke", "--", "-x"}).positional(), "-x");
  EXPECT_EQ(parsed({"audit", "--before-ts-ms=-5"}).number("before-ts-ms"), -5);
  EXPECT_EQ(parsed({"secrets", "update", "--id", "x", "--expires", "never"}).text("expires"),
            "never");
}

TEST(Parse, LeavesTheWordsOfAProgramAlone) {
  const auto arguments =
      parsed({"run", "--allow", "a/*", "--allow=b/c", "--", "sh", "-c", "--help", "--", "--ttl"});
  EXPECT_EQ(arguments.list("allow"), (Words{"a/*", "b/c"}));
  EXPECT_EQ(arguments.program(), (Words{"sh", "-c", "--help", "--", "--ttl"}));
  for (const Words& words : {Words{"run"}, Words{"run", "--"}, Words{"run", "sh", "--"}}) {
    EXPECT_TRUE(std::holds_alternative<UsageError>(parse(words))) << joined(words);
  }
  EXPECT_TRUE(std::holds_alternative<UsageError>(parse({"run", "sh", "--", "ls"})));
}

TEST(Parse, KnowsVerboseByThreeNames) {
  for (const std::string flag : {"-v", "--verbose", "--json"}) {
    EXPECT_TRUE(parsed({"status", flag}).wants_json());
    EXPECT_TRUE(parsed({"json", "a/b", flag}).wants_json());
  }
  EXPECT_FALSE(parsed({"status"}).wants_json());
}

TEST(Parse, KnowsAliasesAndTheSubcommandOfACommand) {
  EXPECT_EQ(parsed({"md", "a/b"}).command().words, "markdown");
  for (const std::string word : {"describe", "args", "shape", "inspect"}) {
    EXPECT_EQ(parsed({"capability", word, "a/b"}).command().words, "capability describe");
  }
  EXPECT_EQ(parsed({"audit"}).command().words, "audit");
  EXPECT_EQ(parsed({"audit", "verify"}).command().words, "audit verify");
}

TEST(Parse, ShowsHelpOnEveryLevel) {
  const auto help_of = [](const Words& words) {
    const auto result = parse(words);
    const auto* help = std::get_if<ShowHelp>(&result);
    return help == nullptr ? std::string() : help->text;
  };
  for (const std::string flag : {"-h", "--help"}) {
    EXPECT_EQ(help_of({flag}), program_help());
    EXPECT_EQ(help_of({"secrets", flag}), group_help("secrets"));
    EXPECT_NE(help_of({"secrets", "create", flag}), "");
    EXPECT_NE(help_of({"invoke", "--method", flag}), "");
    EXPECT_TRUE(std::holds_alternative<Arguments>(parse({"invoke", "--", flag})));
  }
  EXPECT_EQ(help_of({"help"}), program_help());
  EXPECT_EQ(help_of({"help", "secrets"}), group_help("secrets"));
  for (const auto& command : commands()) {
    Words words{"help"};
    if (!group_word(command).empty()) {
      for (const auto word : split(group_word(command), ' ')) words.emplace_back(word);
    }
    words.emplace_back(last_word(command));
    EXPECT_EQ(help_of(words), command_help(command)) << command.words;
  }
}

TEST(Help, NamesTheChoicesOfAnArgument) {
  EXPECT_NE(command_help(*find_command("", "completion")).find("SHELL  One of bash, zsh, fish"),
            std::string::npos);
  EXPECT_NE(command_help(*find_command("", "init")).find("passphrase, systemd-creds"),
            std::string::npos);
}

TEST(Parse, ShowsTheVersionOnEveryLevel) {
  for (const Words& words : std::vector<Words>{
           {"-V"}, {"--version"}, {"secrets", "-V"}, {"status", "--version"}, {"invoke", "-V"}}) {
    EXPECT_TRUE(std::holds_alternative<ShowVersion>(parse(words))) << joined(words);
  }
}

TEST(Parse, NamesTheUsageOfTheCommand) {
  const auto result = parse({"secrets", "create"});
  const auto* error = std::get_if<UsageError>(&result);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->usage, "aivault secrets create --name NAME [OPTIONS]");
}

TEST(Parse, NamesWhatIsWrongAsItWasWritten) {
  const auto what = [](const Words& words) {
    const auto result = parse(words);
    const auto* error = std::get_if<UsageError>(&result);
    return error == nullptr ? std::string() : error->what;
  };
  EXPECT_EQ(what({"status", "-v=1"}), "unexpected value for '-v'");
  EXPECT_EQ(what({"status", "-x"}), "unexpected argument '-x'");
  EXPECT_EQ(what({"status", "-vx"}), "unexpected argument '-x'");
  EXPECT_EQ(what({"status", "--bogus=1"}), "unexpected value for '--bogus' or unknown flag");
  EXPECT_EQ(what({"secrets", "list", "--max-policy-mode", "write"}),
            "unexpected arguments '--max-policy-mode', 'write'");
  EXPECT_EQ(what({"credential", "delete", "a", "b", "c"}), "unexpected arguments 'b', 'c'");
  EXPECT_EQ(what({"help", "-v"}), "unexpected argument '-v' found");
}

TEST(CommandTable, HasOneMeaningForEachFlagOfACommand) {
  for (const auto& command : commands()) {
    std::set<std::string_view> names;
    for (const auto& flag : command.flags) EXPECT_TRUE(names.insert(flag.name).second);
    for (const auto& flag : command.shared_flags) EXPECT_TRUE(names.insert(flag.name).second);
    EXPECT_NE(command.run, nullptr);
    EXPECT_FALSE(command.summary.empty());
  }
}

TEST(CommandTable, TeachesEveryCommandInNarrowLines) {
  constexpr std::size_t kWidth = 90;
  for (const auto& command : commands()) {
    const std::string name(command.words);
    EXPECT_FALSE(command.about.empty()) << name;
    EXPECT_TRUE(command.examples.starts_with("aivault " + name) ||
                command.words.starts_with("capability ") || command.words == "completion")
        << name;
    for (const auto text : {command.about, command.irreversible}) {
      for (const auto line : split(text, '\n')) EXPECT_LE(line.size(), kWidth) << name << line;
    }
  }
}

TEST(CommandTable, SaysWhatCannotBeUndone) {
  for (const auto& [group, word] :
       std::vector<std::pair<std::string, std::string>>{{"secrets", "delete"},
                                                        {"secrets", "rotate"},
                                                        {"", "rotate-master"},
                                                        {"", "restore"},
                                                        {"", "recover"},
                                                        {"", "init"},
                                                        {"", "import"},
                                                        {"", "backup"}}) {
    const auto* command = find_command(group, word);
    ASSERT_NE(command, nullptr) << word;
    EXPECT_FALSE(command->irreversible.empty()) << word;
  }
}

TEST(CommandTable, TakesEverySecretFlagOutOfTheArguments) {
  std::set<std::string_view> taken;
  for (const auto& flag : secret_flags()) taken.insert(flag.name);
  std::set<std::string_view> declared;
  for (const auto& command : commands()) {
    for (const auto& flag : command.flags) {
      if (flag.kind == ValueKind::secret) declared.insert(flag.name);
    }
  }
  EXPECT_EQ(taken, declared);
}

}  // namespace
}  // namespace aivault::cli
