#include "http/message.h"

#include <gtest/gtest.h>

#include <string>

namespace aivault::http {
namespace {

TEST(Token, IsWhatTheGrammarAllows) {
  for (const auto* good : {"x-api-key", "GET", "!#$%&'*+-.^_`|~09azAZ"}) {
    EXPECT_TRUE(is_token(good)) << good;
  }
  for (const auto& bad : {std::string(""),
                          std::string(" a"),
                          std::string("a\t"),
                          std::string("a:"),
                          std::string("a/b"),
                          std::string("a\0", 2),
                          std::string("\u00a0a"),
                          std::string("{a}"),
                          std::string("a\"b")}) {
    EXPECT_FALSE(is_token(bad)) << bad;
  }
}

TEST(FieldValue, IsOneLineOfAscii) {
  for (const auto* good : {"", "a b\tc", "~ !"}) EXPECT_TRUE(is_field_value(good)) << good;
  for (const auto& bad : {std::string("a\rb"),
                          std::string("a\nb"),
                          std::string("a\0b", 3),
                          std::string("\x7f"),
                          std::string("caf\u00e9"),
                          std::string("\u560a"),  // Low byte: LF.
                          std::string("\u010a")}) {
    EXPECT_FALSE(is_field_value(bad)) << bad;
  }
}

TEST(Find, TakesTheFirstOfThatName) {
  const Headers headers{{"a", "1"}, {"b", "2"}, {"a", "3"}};
  ASSERT_NE(find(headers, "a"), nullptr);
  EXPECT_EQ(*find(headers, "a"), "1");
  EXPECT_EQ(find(headers, "c"), nullptr);
}

}  // namespace
}  // namespace aivault::http
