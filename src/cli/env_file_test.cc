#include "cli/env_file.h"

#include <gtest/gtest.h>

#include <utility>

namespace aivault::cli {
namespace {

constexpr std::size_t kMost = 100;

EnvFile parsed(std::string text, std::size_t most = kMost) {
  return parse_env_file(std::span(text.data(), text.size()), most);
}

void expect_entries(const EnvFile& file,
                    const std::vector<std::pair<std::string, std::string>>& expected) {
  ASSERT_EQ(file.entries.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(file.entries[i].name, expected[i].first);
    EXPECT_TRUE(file.entries[i].value == Secret::copy_of(expected[i].second)) << expected[i].first;
  }
}

TEST(EnvFile, ReadsEveryFormOfALine) {
  const auto file = parsed(
      "# comment\n"
      "\n"
      "A=plain value # comment\n"
      "export B = spaced \r\n"
      "C='literal \\n $X # kept'\n"
      "D=\"a\\n\\r\\t\\\"\\\\\\$b\" # comment\n"
      "E=\n"
      "F=#comment\n"
      "G=a#b\n"
      "exported=1\n"
      "H=x=y==\n"
      "I=last");
  expect_entries(file,
                 {{"A", "plain value"},
                  {"B", "spaced"},
                  {"C", "literal \\n $X # kept"},
                  {"D", "a\n\r\t\"\\$b"},
                  {"E", ""},
                  {"F", ""},
                  {"G", "a#b"},
                  {"exported", "1"},
                  {"H", "x=y=="},
                  {"I", "last"}});
  EXPECT_TRUE(file.bad.empty());
}

TEST(EnvFile, LetsQuotedValuesSpanLines) {
  const auto file = parsed("A='one\ntwo'\nB=\"three\nfour\"\nbad\n");
  expect_entries(file, {{"A", "one\ntwo"}, {"B", "three\nfour"}});
  ASSERT_EQ(file.bad.size(), 1U);
  EXPECT_EQ(file.bad[0].number, 5U);
}

TEST(EnvFile, NamesBadLinesByNumberAndNeverByContent) {
  const auto file = parsed(
      "hunter2\n"
      "=hunter2\n"
      "OK=1\n"
      "MIIE/hunter2==\n"
      "Q=\"hunter2\\x\"\n"
      "R='hunter2'hunter2\n"
      "S=2\n");
  expect_entries(file, {{"OK", "1"}, {"S", "2"}});
  std::vector<std::size_t> numbers;
  for (const auto& line : file.bad) {
    numbers.push_back(line.number);
    EXPECT_EQ(line.what.find("hunter2"), std::string::npos);
  }
  EXPECT_EQ(numbers, (std::vector<std::size_t>{1, 2, 4, 5, 6}));
  EXPECT_EQ(file.bad[0].what, "expected KEY=VALUE");
  EXPECT_EQ(file.bad[1].what, "entry key cannot be empty");
}

TEST(EnvFile, TakesNothingBehindAQuoteThatDoesNotEnd) {
  const auto file = parsed("A=1\nB=\"open\nC=3\n");
  expect_entries(file, {{"A", "1"}});
  ASSERT_EQ(file.bad.size(), 1U);
  EXPECT_EQ(file.bad[0].number, 2U);
}

TEST(EnvFile, StopsAtItsLimitAndSaysSo) {
  const auto file = parsed("A=1\nB=2\nC=3\n", 2);
  expect_entries(file, {{"A", "1"}, {"B", "2"}});
  ASSERT_EQ(file.bad.size(), 1U);
  EXPECT_EQ(file.bad[0].number, 3U);
}

}  // namespace
}  // namespace aivault::cli
