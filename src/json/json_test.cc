#include <gtest/gtest.h>

#include "json/parse.h"
#include "json/wiping_memory.h"
#include "json/write.h"

namespace aivault::json {
namespace {

TEST(JsonParse, KeepsMemberOrderAndNumberSpelling) {
  const std::string text = R"({"b":1.50,"a":[1e3,-0,"\u00e9\/"],"c":{},"d":[],"e":null,"f":true})";
  const auto value = parse(text);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(compact(*value), R"({"b":1.50,"a":[1e3,-0,"é/"],"c":{},"d":[],"e":null,"f":true})");
  EXPECT_EQ(compact(*value, Order::alphabetical),
            R"({"a":[1e3,-0,"é/"],"b":1.50,"c":{},"d":[],"e":null,"f":true})");
}

TEST(JsonParse, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string_view text : {"",
                                      "{",
                                      "{}x",
                                      "{} {}",
                                      R"({"a":1,"a":2})",
                                      R"({"a":1,"\u0061":2})",
                                      R"({"x":{"a":1,"a":2}})",
                                      "\xEF\xBB\xBF{}",
                                      "\"\xFF\"",
                                      R"("\ud800")",
                                      "[1,]",
                                      "[01]",
                                      "[NaN]",
                                      "// c\n1",
                                      "'a'",
                                      "\"a\tb\""}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST(JsonParse, KeepsDuplicatesWhereADocumentIsOnlyShown) {
  Limits limits;
  limits.duplicates = Duplicates::kept;
  const auto value = parse(R"({"a":1,"b":2,"a":3})", limits);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(compact(*value), R"({"a":1,"b":2,"a":3})");
}

TEST(JsonParse, BoundsDepthBytesAndKeys) {
  Limits limits;
  limits.depth = 3;
  EXPECT_TRUE(parse("[[[1]]]", limits));
  EXPECT_FALSE(parse("[[[[1]]]]", limits));
  limits.keys = 2;
  EXPECT_TRUE(parse(R"({"a":1,"b":2})", limits));
  EXPECT_FALSE(parse(R"({"a":1,"b":{"c":2}})", limits));
  limits.values = 3;
  EXPECT_TRUE(parse("[1,2]", limits));
  for (const auto* text : {"[1,2,3]", "[1,true,\"\"]", "[[],{},null]", "[[],[],[]]"}) {
    EXPECT_FALSE(parse(text, limits)) << text;
  }
  limits.bytes = 3;
  EXPECT_FALSE(parse("[11]", limits));
  EXPECT_FALSE(parse(std::string(100'000, '[')));
}

TEST(JsonParse, ReportsPositionsWhenAsked) {
  const auto value = parse("{\n  \"a\": [1,\n    \"x\"]\n}", {}, Positions::every_value);
  ASSERT_TRUE(value) << value.error().message;
  const auto* list = value->find("a");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->line, 2U);
  EXPECT_EQ(list->items()[1].line, 3U);
  const auto broken = parse("{\n \"a\": ?}", {}, Positions::every_value);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("line 2"), std::string::npos) << broken.error().message;
}

TEST(JsonValue, IntegersAreExact) {
  EXPECT_EQ(Value::number("9007199254740992").integer(), 9007199254740992);
  EXPECT_FALSE(Value::number("9007199254740993").integer());
  EXPECT_FALSE(Value::number("1.0").integer());
  EXPECT_FALSE(Value::number("1e2").integer());
  EXPECT_FALSE(Value("1").integer());
}

TEST(JsonWrite, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(quoted("a\"\\\n\x01\x7F/é"), R"("a\"\\\n\u0001\u007f/é")");
  EXPECT_EQ(quoted("\xC2\x9B[31m"), R"("\u009b[31m")");
  EXPECT_EQ(quoted("x\xE2\x80\xAEy\xE2\x81\xA6z"), R"("x\u202ey\u2066z")");
}

TEST(JsonWrite, IsAlwaysUtf8) {
  constexpr std::string_view kMark = "\xEF\xBF\xBD";  // U+FFFD
  const std::string mark(kMark);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"caf\xE9", "caf" + mark},
      {"\xE9t\xE9", mark + "t" + mark},
      {"\xC3\xA9\xFF\xE2\x82\xAC", "\xC3\xA9" + mark + "\xE2\x82\xAC"},
      {"\xE2\x82", mark + mark},             // Cut off.
      {"\xC0\x80", mark + mark},             // Overlong.
      {"\xED\xA0\x80", mark + mark + mark},  // A surrogate.
      {"\xFF\"\n", mark + "\\\"\\n"},
      {"\xFF\xC2\x9B", mark + "\\u009b"},
  };
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(json::quoted(bytes), "\"" + text + "\"");
    const auto value = Value::object({{bytes, Value::array({Value(bytes)})}});
    EXPECT_EQ(compact(value), "{\"" + text + "\":[\"" + text + "\"]}");
    EXPECT_TRUE(parse(pretty(value))) << text;
  }
}

TEST(JsonWrite, IndentsByTwo) {
  auto value = Value::object({{"a", Value::array()}, {"b", Value::object()}});
  value.set("c", Value::array({Value(1), Value("x")}));
  EXPECT_EQ(pretty(value),
            "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    \"x\"\n  ]\n}\n");
}

TEST(JsonParse, WorksWithWipedMemory) {
  WipingMemory memory;
  const auto value = parse(
      R"({"value":"a long enough secret text to need the heap"})", {}, Positions::none, &memory);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->find("value")->text(), "a long enough secret text to need the heap");
}

}  // namespace
}  // namespace aivault::json
