#include "daemon/arguments.h"

#include <gtest/gtest.h>

namespace aivault::daemon {
namespace {

using Words = std::vector<std::string_view>;

Arguments read(const Words& words) {
  const auto parsed = parse_arguments(words);
  const auto* arguments = std::get_if<Arguments>(&parsed);
  EXPECT_NE(arguments, nullptr);
  return arguments != nullptr ? *arguments : Arguments{};
}

std::string usage_error(const Words& words) {
  const auto parsed = parse_arguments(words);
  const auto* error = std::get_if<UsageError>(&parsed);
  return error != nullptr ? error->what : "";
}

TEST(Arguments, AreReadInBothForms) {
  EXPECT_EQ(read({"--socket", "/a/b"}).socket, "/a/b");
  EXPECT_EQ(read({"--socket=/a=b"}).socket, "/a=b");
  EXPECT_TRUE(read({"--once"}).once);
  EXPECT_EQ(read({"--config", "f.toml"}).config, "f.toml");
  EXPECT_EQ(read({"--config= "}).config, std::nullopt);
  EXPECT_TRUE(read({"--check-config"}).checks_config);
  EXPECT_TRUE(read({"--stdio"}).stdio);
  const auto child =
      read({"--stdio-socket", "--allow-read", "a", "--allow-read=b", "--allow-write", "c"});
  EXPECT_TRUE(child.stdio);
  EXPECT_EQ(child.allow_read, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(child.allow_write, (std::vector<std::string>{"c"}));
}

TEST(Arguments, TakeABlankSocketForAbsent) {
  EXPECT_EQ(read({"--socket", " "}).socket, std::nullopt);
  EXPECT_EQ(read({"--socket="}).socket, std::nullopt);
}

TEST(Arguments, AskForHelpAndVersion) {
  for (const char* word : {"-h", "--help"}) {
    EXPECT_TRUE(std::holds_alternative<ShowHelp>(parse_arguments(Words{"--once", word})));
  }
  for (const char* word : {"-V", "--version"}) {
    EXPECT_TRUE(std::holds_alternative<ShowVersion>(parse_arguments(Words{word})));
  }
}

TEST(Arguments, AreRefusedWithTheReason) {
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"--sharing"}, "unexpected argument '--sharing'"},
      {{"--shared=1"}, "'--shared' takes no value"},
      {{"serve"}, "unexpected argument 'serve'"},
      {{"--", "x"}, "unexpected argument 'x'"},
      {{"--soc", "x"}, "unexpected argument '--soc'"},
      {{"--socket"}, "a value is required for '--socket'"},
      {{"--socket", "--once"}, "a value is required for '--socket'"},
      {{"--socket=a", "--socket=b"}, "'--socket' cannot be used multiple times"},
      {{"--config"}, "a value is required for '--config'"},
      {{"--config=a", "--config=b"}, "'--config' cannot be used multiple times"},
      {{"--check-config=x"}, "'--check-config' takes no value"},
      {{"--once", "--once"}, "'--once' cannot be used multiple times"},
      {{"--stdio", "--stdio-socket"}, "'--stdio-socket' cannot be used multiple times"},
      {{"--once=1"}, "'--once' takes no value"},
      {{"--allow-read", ""}, "an empty value is not allowed for '--allow-read'"},
  };
  for (const auto& [words, what] : cases) EXPECT_EQ(usage_error(words), what);
}

}  // namespace
}  // namespace aivault::daemon
