// What a caller may choose in a document must not decide how long it takes to read.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "json/parse.h"
#include "json/write.h"

namespace aivault::json {
namespace {

constexpr std::size_t kKeys = 3'000;
constexpr std::uint64_t kMultiplier = 0xC6A4A7935BD1E995;

std::uint64_t fold(std::uint64_t value) { return value ^ (value >> 47U); }

// 16-byte keys that all have one value under the unseeded MurmurHash64A of common hash tables: the
// second half undoes what the first half did to the state.
std::vector<std::string> colliding_keys() {
  std::uint64_t inverse = kMultiplier;
  for (int i = 0; i < 6; ++i) inverse *= 2 - kMultiplier * inverse;
  const std::uint64_t start = 0xC70F6907 ^ (16 * kMultiplier);
  const std::uint64_t target = 0x1234567890ABCDEF * inverse;
  std::vector<std::string> keys;
  for (std::uint64_t n = 0; keys.size() < kKeys; ++n) {
    std::array<std::uint64_t, 2> halves{};
    for (unsigned i = 0; i < 8; ++i) halves[0] |= (0x61 + (n >> (4 * i) & 15U)) << (8 * i);
    const auto state = (start ^ (fold(halves[0] * kMultiplier) * kMultiplier)) * kMultiplier;
    halves[1] = fold((state ^ target) * inverse) * inverse;
    if ((halves[1] & 0x8080808080808080) != 0) continue;  // Not ASCII.
    keys.emplace_back(reinterpret_cast<const char*>(halves.data()), 16);
  }
  return keys;
}

std::string document(const std::vector<std::string>& keys) {
  std::string text = "{";
  for (const auto& key : keys)
    text += std::string(text.size() > 1 ? "," : "") + json::quoted(key) + ":1";
  return text + "}";
}

// The best of some runs, which other work on the machine disturbs least.
double cost(const std::string& text) {
  auto best = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 5; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const auto value = parse(text);
    best = std::min(best, std::chrono::steady_clock::now() - began);
    EXPECT_TRUE(value) << value.error().message;
  }
  return std::chrono::duration<double>(best).count();
}

TEST(JsonParse, TakesAsLongForCollidingKeysAsForOthers) {
  const auto colliding = colliding_keys();
  std::vector<std::string> plain;
  for (std::size_t i = 0; i < kKeys; ++i) {
    auto key = std::to_string(i * 7'919 % kKeys);
    plain.push_back(key.insert(0, 16 - key.size(), 'k'));
  }
  EXPECT_LT(cost(document(colliding)), 5 * cost(document(plain)));
}

TEST(JsonParse, FindsADuplicateKeyWhereverItStands) {
  std::vector<std::string> keys;
  for (int i = 0; i < 300; ++i) keys.push_back("k" + std::to_string(i * 7 % 300));
  ASSERT_TRUE(parse(document(keys)));
  for (const std::size_t first : {0U, 1U, 150U, 298U}) {
    auto repeated = keys;
    repeated.back() = repeated[first];
    EXPECT_FALSE(parse(document(repeated))) << first;
  }
}

TEST(JsonParse, NamesThePlaceOfTheFirstDuplicateKey) {
  const auto failed = parse_located("{\n\"b\":1,\n\"a\":2,\n\"b\":3,\n\"a\":4,\n\"z\":5\n}", {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().line, 4U);
  EXPECT_EQ(failed.error().column, 1U);
  EXPECT_EQ(failed.error().what, "holds a duplicate key");
}

}  // namespace
}  // namespace aivault::json
