#include "registry/perfect_hash.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aivault::registry {
namespace {

std::vector<std::string> texts_of(std::size_t count) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back("vendor-" + std::to_string(i * 7919));
  return texts;
}

PerfectHash view(const PerfectHashTables& tables) { return {tables.seeds, tables.slots}; }

TEST(PerfectHash, GivesEachTextItsPlace) {
  for (const auto count : std::vector<std::size_t>{1, 2, 3, 5, 190, 1500}) {
    const auto texts = texts_of(count);
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const auto tables = make_perfect_hash(views);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(view(tables).candidate(texts[i]), i) << count;
    }
    EXPECT_LE(tables.slots.size(), count * 2 + 1);
  }
}

TEST(PerfectHash, AnswersForAnythingElseWithNobodyOrOneToCompareWith) {
  const auto texts = texts_of(100);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto tables = make_perfect_hash(views);
  for (const auto& other :
       std::vector<std::string>{"", "vendor", "vendor-0 ", std::string(10'000, 'x')}) {
    const auto at = view(tables).candidate(other);
    EXPECT_TRUE(at == PerfectHash::kNobody || (at < texts.size() && texts[at] != other));
  }
}

TEST(PerfectHash, HoldsNothingWhereNothingIs) {
  EXPECT_EQ(PerfectHash().candidate("openai"), PerfectHash::kNobody);
  EXPECT_EQ(view(make_perfect_hash({})).candidate("openai"), PerfectHash::kNobody);
}

TEST(PerfectHash, IsTheSameForTheSameTexts) {
  const auto texts = texts_of(300);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  EXPECT_EQ(make_perfect_hash(views).slots, make_perfect_hash(views).slots);
  EXPECT_EQ(make_perfect_hash(views).seeds, make_perfect_hash(views).seeds);
}

}  // namespace
}  // namespace aivault::registry
