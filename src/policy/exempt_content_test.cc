#include "policy/exempt_content.h"

#include <gtest/gtest.h>

#include <string>

namespace aivault::policy {
namespace {

using namespace std::string_view_literals;

TEST(ExemptContent, IsMediaAndArchivesByTheirDeclaredType) {
  for (const auto type : {"image/png",
                          "Audio/MPEG",
                          "video/mp4; codecs=x",
                          "font/woff2",
                          "application/octet-stream",
                          "application/pdf",
                          "application/zip",
                          "application/gzip",
                          "application/x-tar",
                          "application/vnd.ms-excel"}) {
    EXPECT_TRUE(may_be_exempt(type)) << type;
  }
  for (const auto type : {"",
                          "text/plain",
                          "application/json",
                          "images/png",
                          "application/zipped",
                          "multipart/byteranges",
                          "application/javascript"}) {
    EXPECT_FALSE(may_be_exempt(type)) << type;
  }
}

TEST(ExemptContent, IsNoTextInItsFirst512Bytes) {
  EXPECT_TRUE(looks_binary("\x89PNG"sv));
  EXPECT_TRUE(looks_binary("text and\0"sv));
  EXPECT_FALSE(looks_binary(""sv));
  EXPECT_FALSE(looks_binary("{\"key\":\"\xC3\xA9\"}"sv));
  const std::string text(510, 'a');
  EXPECT_FALSE(looks_binary(text + "\xE2\x82\xAC")) << "a character that the sample cuts";
  EXPECT_TRUE(looks_binary(text + "\xC3(")) << "a broken one at the end";
  EXPECT_FALSE(looks_binary(text + "ab\0"sv.data())) << "beyond the sample";
}

}  // namespace
}  // namespace aivault::policy
