#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace aivault {
namespace {

using std::string_literals::operator""s;

TEST(Text, TrimsAsciiWhiteSpaceOnly) {
  EXPECT_EQ(trim(" \t\r\n\v\fa b \t\r\n\v\f"), "a b");
  EXPECT_EQ(trim("\u00a0a"), "\u00a0a");
  EXPECT_EQ(trim("\0a"s), "\0a"s);
  EXPECT_EQ(trim(" "), "");
}

TEST(Text, FoldsAsciiOnly) {
  EXPECT_EQ(to_lower("AZ[\u00c9"), "az[\u00c9");
  EXPECT_EQ(to_upper("az{\u00e9"), "AZ{\u00e9");
  EXPECT_TRUE(equals_ignore_case("aB-1", "Ab-1"));
  EXPECT_FALSE(equals_ignore_case("\u00e9", "\u00c9"));
  EXPECT_FALSE(equals_ignore_case("k", "\u212a"));  // The Kelvin sign folds to k elsewhere.
}

TEST(Text, SplitsKeepingEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(split("", ',').size(), 1U);
}

TEST(Text, KnowsUtf8) {
  for (const auto& good : {""s, "a\0"s, "\u00e9\u20ac\U0001f600"s, "\uffff"s, "\U0010ffff"s}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  }
  for (const auto& bad : {"\x80"s,
                          "\xc3"s,
                          "\xc0\xae"s,          // Overlong.
                          "\xe0\x80\xaf"s,      // Overlong.
                          "\xf0\x80\x80\xaf"s,  // Overlong.
                          "\xed\xa0\x80"s,      // Surrogate.
                          "\xf4\x90\x80\x80"s,  // Beyond U+10FFFF.
                          "\xf8\x88\x80\x80\x80"s,
                          "\xe2\x82"s,
                          "\xe2\x28\xa1"s}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << ::testing::PrintToString(bad);
  }
}

TEST(Text, KnowsControlBytes) {
  EXPECT_FALSE(has_control(" ~\u00e9"));
  for (const auto& text : {"\0"s, "a\tb"s, "\n"s, "\x1b[0m"s, "\x7f"s})
    EXPECT_TRUE(has_control(text));
}

TEST(Text, QuotesWhatATerminalWouldObey) {
  EXPECT_EQ(quote_for_message("caf\u00e9 'x'"), "caf\u00e9 'x'");
  EXPECT_EQ(quote_for_message("a\x1b[2J\0\x7f\n"s), "a\\x1b[2J\\x00\\x7f\\x0a");
  EXPECT_EQ(quote_for_message("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(quote_for_message("\u009b2J"), "\\xc2\\x9b2J");
  EXPECT_EQ(quote_for_message("\u202a\u202e\u2066\u2069\u200b"),
            "\\u{202a}\\u{202e}\\u{2066}\\u{2069}\u200b");
  EXPECT_EQ(quote_for_message("ab\u202e", 9), "ab...");
}

TEST(Text, QuotesAtMostTheLimit) {
  EXPECT_EQ(quote_for_message(std::string(200, 'a')), std::string(200, 'a'));
  EXPECT_EQ(quote_for_message(std::string(201, 'a')), std::string(200, 'a') + "...");
  EXPECT_EQ(quote_for_message("abc\u00e9", 4), "abc...");
  EXPECT_EQ(quote_for_message("abc\n", 4), "abc...");
}

}  // namespace
}  // namespace aivault
