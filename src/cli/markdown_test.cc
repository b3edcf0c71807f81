#include "cli/markdown.h"

#include <gtest/gtest.h>

#include "json/parse.h"

namespace aivault::cli {
namespace {

std::string rendered(std::string_view text, const MarkdownOptions& options = {}) {
  json::Limits limits;
  limits.duplicates = json::Duplicates::kept;
  const auto value = json::parse(text, limits);
  if (!value) {
    ADD_FAILURE() << text;
    return {};
  }
  return to_markdown(*value, options);
}

struct Case {
  std::string json;
  std::string markdown;
};

TEST(Markdown, RendersEveryKindOfValue) {
  const std::vector<Case> table{
      {"null", ""},
      {"true", "true"},
      {"1.50e3", "1.50e3"},
      {R"(" ")", "None"},
      {R"("a\nb ")", "a\nb "},
      {"[]", "None"},
      {"{}", "None"},
      {R"(["a",1,null,false," "])", "  - a\n  - 1\n  - None\n  - false\n  - None"},
      {R"([{"a":1},{"b":2}])", "# A\n\n1\n\n# B\n\n2"},
      {R"([1,[2,3]])", "  - 1\n<begin items>\n  - 2\n  - 3\n</end items>"},
      {R"([1,{"a":2}])", "  - 1\n<begin items>\n# A\n\n2\n</end items>"},
      {R"({"k":[[1],[]]})", "# K\n\n<begin k>\n  - 1\n</end k>\n<begin k>\nNone\n</end k>"},
      {R"({"k":{}})", "# K\n\nNone"},
      {R"({"k":[]})", "# K\n\nNone"},
      {R"({"k":[{"a":1},{}]})", "# K\n\n<begin k>\n# A\n\n1\n\nNone\n</end k>"},
      {R"({"b":1,"a":2,"b":3})", "# A\n\n2\n\n# B\n\n3"},
      {R"({"a__b-c":1,"Zed":2})", "# Zed\n\n2\n\n# A B C\n\n1"},
      {R"({"user_name":"Al","tags":["a",null],"meta":{"x":1}})",
       "# Meta\n\n<begin meta>\n# X\n\n1\n</end meta>\n\n# Tags\n\n  - a\n  - None\n\n"
       "# User Name\n\nAl"},
  };
  for (const auto& [json, markdown] : table) EXPECT_EQ(rendered(json), markdown) << json;
}

TEST(Markdown, LeavesOutAndMarksKeysAtEveryDepth) {
  const MarkdownOptions options{.name_space = "", .excluded_keys = {"x"}, .wrapped_keys = {"t"}};
  EXPECT_EQ(rendered(R"({"x":1})", options), "");
  EXPECT_EQ(rendered(R"({"k":{"x":1}})", options), "# K\n\n<begin k>\nNone\n</end k>");
  EXPECT_EQ(rendered(R"({"k":{"x":1,"t":"v"}})", options),
            "# K\n\n<begin k>\n# T\n\n<begin t>\nv\n</end t>\n</end k>");
  EXPECT_EQ(rendered(R"({"t":" "})", options), "# T\n\nNone");
  EXPECT_EQ(rendered(R"("t")", options), "t");
}

TEST(Markdown, WrapsAllOfItInANamespace) {
  EXPECT_EQ(rendered("1", {.name_space = " n ", .excluded_keys = {}, .wrapped_keys = {}}),
            "<begin n>\n1\n</end n>\n");
  EXPECT_EQ(rendered("null", {.name_space = "n", .excluded_keys = {}, .wrapped_keys = {}}), "");
  EXPECT_EQ(rendered("1", {.name_space = " ", .excluded_keys = {}, .wrapped_keys = {}}), "1");
}

}  // namespace
}  // namespace aivault::cli
