#include "json/secret_text.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace aivault::json {
namespace {

using Form = DocumentPart::Form;

TEST(DocumentOf, FillsSecretsInAsTextAndAsBase64) {
  const auto first = Secret::copy_of("a\"b\\c\n\x01 \xC3\xA9");
  const auto second = Secret::copy_of("hunter2");
  const auto empty = Secret();
  const std::array<DocumentPart, 7> parts{DocumentPart{.text = R"({"a":)"},
                                          {.form = Form::characters, .secret = &first},
                                          {.text = R"(,"b":)"},
                                          {.form = Form::base64, .secret = &second},
                                          {.text = R"(,"c":)"},
                                          {.form = Form::base64, .secret = &empty},
                                          {.text = "}"}};
  const auto document = document_of(parts);
  ASSERT_TRUE(document);
  EXPECT_TRUE(
      *document ==
      Secret::copy_of("{\"a\":\"a\\\"b\\\\c\\u000a\\u0001 \xC3\xA9\",\"b\":\"aHVudGVyMg==\","
                      "\"c\":\"\"}"));
}

TEST(DocumentOf, RefusesCharactersThatAreNotUtf8) {
  const auto secret = Secret::copy_of("\xFF");
  const std::array<DocumentPart, 1> text{DocumentPart{.form = Form::characters, .secret = &secret}};
  EXPECT_FALSE(document_of(text));
  const std::array<DocumentPart, 1> bytes{DocumentPart{.form = Form::base64, .secret = &secret}};
  EXPECT_TRUE(document_of(bytes));
}

}  // namespace
}  // namespace aivault::json
