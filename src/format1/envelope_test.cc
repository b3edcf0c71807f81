#include "format1/envelope.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "crypto/sha256.h"
#include "format1/record.h"
#include "json/parse.h"

namespace aivault::format1 {
namespace {

std::string counted(int first, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(first + i);
  return bytes;
}

Secret known_key() { return Secret::copy_of(counted(0, 32)); }

constexpr std::string_view kId = "3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21";

std::string sealed_json(const std::string& nonce, std::string_view ciphertext) {
  return R"({"alg":"xchacha20poly1305","nonceB64":")" + base64(bytes_of(nonce)) +
         R"(","ciphertextB64":")" + std::string(ciphertext) + R"("})";
}

Envelope envelope(std::string_view data_key, std::string_view value) {
  const auto text = R"({"alg":"xchacha20poly1305+envelope","dekWrapped":)" +
                    sealed_json(counted(0x40, 24), data_key) + R"(,"value":)" +
                    sealed_json(counted(0x60, 24), value) + "}";
  const auto parsed = json::parse(text);
  EXPECT_TRUE(parsed);
  const auto read = parse_envelope(*parsed);
  EXPECT_TRUE(read);
  return *read;
}

constexpr std::string_view kGlobalKey =
    "9BgnU/TFXzGn3a2Vg7FLvaKLn/cnbGWtUgjHfjU5Ha/chAePPBTt+VG2j+SrBfKA";
constexpr std::string_view kGlobalValue = "m0xtUuAC74JpnzUN7ZR1uv77NZAUQAw=";
constexpr std::string_view kPinnedKey =
    "9BgnU/TFXzGn3a2Vg7FLvaKLn/cnbGWtUgjHfjU5Ha/FxYd2H+yaCrxfm8D/qnpt";
constexpr std::string_view kPinnedValue = "m0xtUuAC78wZar7z/c4TGHrDml+l++g=";

TEST(Envelope, NamesAKeyByItsSha256) {
  EXPECT_EQ(crypto::sha256_hex(known_key()),
            "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd");
}

TEST(Envelope, OpensARecordOfVersion1) {
  const auto associated = associated_text(1, kId, "global", "");
  ASSERT_TRUE(associated);
  EXPECT_EQ(*associated, "vault:secret:v1:3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21:global");
  const auto value = open(known_key(), envelope(kGlobalKey, kGlobalValue), *associated);
  ASSERT_TRUE(value);
  EXPECT_TRUE(*value == Secret::copy_of(std::string_view("sk-test")));
}

TEST(Envelope, OpensAPinnedRecordOfVersion2) {
  const auto associated = associated_text(2, kId, "workspace:w1", " openai ");
  ASSERT_TRUE(associated);
  EXPECT_EQ(*associated,
            "vault:secret:v2:3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21:workspace:w1:openai");
  const auto value = open(known_key(), envelope(kPinnedKey, kPinnedValue), *associated);
  ASSERT_TRUE(value);
  EXPECT_TRUE(*value == Secret::copy_of(std::string_view("sk-test")));
}

TEST(Envelope, DoesNotOpenWithAnythingElse) {
  struct Case {
    int version;
    std::string_view id, scope, pin;
  };
  for (const auto& other : {Case{1, kId, "workspace:w1", ""},
                            Case{2, kId, "global", "openai"},
                            Case{1, "3c59dc04-8e88-4502-8e2f-9d1f0a6b7c22", "global", ""}}) {
    const auto associated = associated_text(other.version, other.id, other.scope, other.pin);
    ASSERT_TRUE(associated);
    const auto value = open(known_key(), envelope(kGlobalKey, kGlobalValue), *associated);
    ASSERT_FALSE(value) << other.scope;
    EXPECT_EQ(value.error().message, "decrypt failed");
  }
  const auto associated = associated_text(1, kId, "global", "");
  EXPECT_FALSE(
      open(Secret::copy_of(counted(1, 32)), envelope(kGlobalKey, kGlobalValue), *associated));
  EXPECT_FALSE(open(known_key(), envelope(kGlobalKey, kPinnedValue), *associated));
}

TEST(Envelope, RefusesUnknownVersionsAndVersion2WithoutAPin) {
  EXPECT_EQ(associated_text(3, kId, "global", "openai").error().message, "unknown aadVersion 3");
  EXPECT_EQ(associated_text(-1, kId, "global", "").error().message, "unknown aadVersion -1");
  EXPECT_EQ(associated_text(2, kId, "global", " ").error().message,
            "aadVersion 2 needs a 'pinnedProvider'");
}

TEST(Envelope, RefusesWhatIsNotSealedAsItShouldBe) {
  const auto good_key = sealed_json(counted(0x40, 24), kGlobalKey);
  const auto good_value = sealed_json(counted(0x60, 24), kGlobalValue);
  const auto whole = [](std::string_view alg, const std::string& key, const std::string& value) {
    return R"({"alg":")" + std::string(alg) + R"(","dekWrapped":)" + key + R"(,"value":)" + value +
           "}";
  };
  for (const auto& text :
       {whole("aes", good_key, good_value),
        whole("xchacha20poly1305+envelope", "7", good_value),
        whole("xchacha20poly1305+envelope", good_value, good_value),  // Not 48 bytes.
        whole("xchacha20poly1305+envelope", good_key, R"({"alg":"aes"})"),
        whole("xchacha20poly1305+envelope", good_key, sealed_json("short", kGlobalValue)),
        whole("xchacha20poly1305+envelope", good_key, sealed_json(counted(0x60, 24), "AAAA")),
        whole("xchacha20poly1305+envelope", good_key, sealed_json(counted(0x60, 24), "!")),
        std::string("{}")}) {
    const auto parsed = json::parse(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_FALSE(parse_envelope(*parsed)) << text;
  }
}

}  // namespace
}  // namespace aivault::format1
