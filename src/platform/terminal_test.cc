#include "platform/terminal.h"

#include <gtest/gtest.h>

#include <vector>

namespace aivault::platform {
namespace {

struct Case {
  std::string raw;
  std::string shown;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table{
      {"plain\ttext\n", "plain\ttext\n"},
      {"h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
      {"a\x1b[31mb\r\x07\x7f", "a\\x1b[31mb\\x0d\\x07\\x7f"},
      {std::string("a\0b", 3), "a\\x00b"},
      {"\xC2\x9B"
       "31m \xC2\xA0",
       "\\x9b31m \xC2\xA0"},
      {"\x9B"
       "31m",
       "\\x9b31m"},
      {"x\xE2\x80\xAEy\xE2\x81\xA9z", "x\\u{202e}y\\u{2069}z"},
      {"\xE2\x80", "\xE2\\x80"},
      {"\xE2\x80"
       "a",
       "\xE2\\x80"
       "a"},
  };
  return table;
}

TEST(Terminal, MakesForeignTextHarmless) {
  for (const auto& [raw, shown] : cases()) EXPECT_EQ(escape_for_terminal(raw), shown);
}

TEST(Terminal, DoesSoHoweverTheTextIsCut) {
  for (const auto& [raw, shown] : cases()) {
    TerminalEscaper escaper;
    std::string out;
    for (const char c : raw) out += escaper.feed({&c, 1});
    EXPECT_EQ(out + escaper.finish(), shown);
  }
}

}  // namespace
}  // namespace aivault::platform
