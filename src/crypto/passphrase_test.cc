#include "crypto/passphrase.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "base/encoding.h"
#include "base/reveal.h"

namespace aivault::crypto {
namespace {

std::string counting_salt() {
  std::string salt;
  for (char c = 0; c < static_cast<char>(kSaltBytes); ++c) salt.push_back(c);
  return salt;
}

Secret words() { return Secret::copy_of(std::string_view("correct horse battery staple")); }

TEST(Passphrase, GivesTheCheckValues) {
  struct Row {
    std::int64_t passes, memory_kib;
    std::string_view key;
  };
  for (const auto& row :
       {Row{3, 262'144, "aad608b5866cef907f47d5cae529ed01a91301c92c5d5fef46e1a65e394e5742"},
        Row{2, 65'536, "c05ce4c4dd7e0e45ee6011cc59d068ade47df1b01fc0cf9cd4678bdf68a5b7b0"}}) {
    const auto key = key_from_passphrase(words(), {counting_salt(), row.passes, row.memory_kib});
    ASSERT_TRUE(key);
    EXPECT_EQ(hex(bytes_of(key->text(Reveal{}))), row.key);
  }
}

TEST(Passphrase, RefusesACostOutsideTheBoundsBeforeItTakesMemory) {
  constexpr auto kHuge = std::numeric_limits<std::int64_t>::max();
  const auto salt = counting_salt();
  for (const auto& cost : {PassphraseCost{salt, 1, 262'144},
                           PassphraseCost{salt, 33, 262'144},
                           PassphraseCost{salt, -3, 262'144},
                           PassphraseCost{salt, kHuge, 262'144},
                           PassphraseCost{salt, 3, 65'535},
                           PassphraseCost{salt, 3, 4'194'305},
                           PassphraseCost{salt, 3, kHuge},
                           PassphraseCost{salt, 3, -1},
                           PassphraseCost{salt.substr(1), 3, 262'144},
                           PassphraseCost{salt + "x", 3, 262'144}}) {
    EXPECT_FALSE(is_acceptable(cost)) << cost.passes << " " << cost.memory_kib;
    EXPECT_FALSE(key_from_passphrase(words(), cost));
  }
  EXPECT_TRUE(is_acceptable({salt, 2, 65'536}));
  EXPECT_TRUE(is_acceptable({salt, 32, 4'194'304}));
}

TEST(Passphrase, HasAnotherSaltEachTimeAndTheFullCost) {
  const auto a = new_passphrase_cost();
  EXPECT_NE(a.salt, new_passphrase_cost().salt);
  EXPECT_EQ(a.passes, 3);
  EXPECT_EQ(a.memory_kib, 262'144);
  EXPECT_TRUE(is_acceptable(a));
}

TEST(Passphrase, IsBlankWithoutAnythingButWhiteSpace) {
  for (const std::string_view text : {"", " ", "\t\r\n \v\f"}) {
    EXPECT_TRUE(is_blank(Secret::copy_of(text)));
  }
  EXPECT_FALSE(is_blank(Secret::copy_of(std::string_view(" a "))));
}

TEST(Passphrase, IsCountedInCharacters) {
  EXPECT_EQ(characters_in(Secret()), 0U);
  EXPECT_EQ(characters_in(Secret::copy_of(std::string_view("abc"))), 3U);
  EXPECT_EQ(
      characters_in(Secret::copy_of(std::string_view("\xd0\xb0\xe2\x82\xac\xf0\x9f\x94\x91"))), 3U);
}

}  // namespace
}  // namespace aivault::crypto
