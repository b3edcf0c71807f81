#include "base/encoding.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace aivault {
namespace {

using std::string_literals::operator""s;

TEST(Hex, GoesThereAndBack) {
  EXPECT_EQ(hex(bytes_of("\0\x7f\xff"s)), "007fff");
  EXPECT_EQ(from_hex("007FfF"), "\0\x7f\xff"s);
  EXPECT_EQ(from_hex(""), "");
  for (const auto* bad : {"0", "0g", " 00", "0x00", "00 "}) EXPECT_FALSE(from_hex(bad)) << bad;
}

TEST(Base64, HasTheValuesOfRfc4648) {
  for (const auto& [plain, encoded] : {std::pair("", ""),
                                       std::pair("f", "Zg=="),
                                       std::pair("fo", "Zm8="),
                                       std::pair("foo", "Zm9v"),
                                       std::pair("foob", "Zm9vYg=="),
                                       std::pair("fooba", "Zm9vYmE="),
                                       std::pair("foobar", "Zm9vYmFy")}) {
    EXPECT_EQ(base64(bytes_of(plain)), encoded);
    EXPECT_EQ(from_base64(encoded), plain);
  }
  EXPECT_EQ(base64(bytes_of("\xfb\xff\xfe"s)), "+//+");
  EXPECT_EQ(base64(bytes_of("\xfb\xff"s), Base64::url_unpadded), "-_8");
}

TEST(Base64, HasOneSpellingOnly) {
  for (const auto* bad : {"Zg",    // No padding.
                          "Zg=",   //
                          "Zh==",  // Unused bits.
                          "Zm9=",  // Unused bits.
                          "Zg==Zg==",
                          "=g==",
                          "Z===",
                          "====",
                          "Zm9v\n",
                          " Zm9v",
                          "Zm-_",
                          "Zm\0v"}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

TEST(Base64, DecodesEveryDigitAndNoOtherByte) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    const auto value = digits.find(c);
    const auto decoded = from_base64(std::string("AA") + c + "A");
    ASSERT_EQ(decoded.has_value(), value != std::string::npos) << byte;
    if (!decoded) continue;
    const std::string expected{
        '\0', static_cast<char>(value >> 2U), static_cast<char>(value << 6U & 0xFFU)};
    EXPECT_EQ(*decoded, expected) << byte;
  }
}

TEST(PercentEncode, KeepsUnreservedCharactersOnly) {
  EXPECT_EQ(percent_encode("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(percent_encode("a b/%\0\xc3\xa9+"s), "a%20b%2F%25%00%C3%A9%2B");
}

}  // namespace
}  // namespace aivault
