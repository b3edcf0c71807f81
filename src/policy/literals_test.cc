#include "policy/literals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

namespace aivault::policy {
namespace {

using Texts = std::vector<std::string>;

enum class More : bool { none, may_come };

// What the words of the contract mean, without any thought of speed.
std::string naive(const Texts& texts, std::string_view body, More more = More::none) {
  std::string out;
  while (!body.empty()) {
    std::size_t longest = 0;
    for (const auto& text : texts) {
      if (body.starts_with(text)) longest = std::max(longest, text.size());
      const bool undecided = text.size() > body.size() && text.starts_with(body);
      if (undecided && more == More::may_come) return out;
    }
    out += longest > 0 ? "[REDACTED]" : std::string(body.substr(0, 1));
    body.remove_prefix(std::max<std::size_t>(longest, 1));
  }
  return out;
}

std::size_t marks_in(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, '['));
}

class Dice {
 public:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  std::string text(std::string_view letters, std::size_t longest) {
    std::string text;
    for (auto left = 1 + below(longest); left > 0; --left) text += letters[below(letters.size())];
    return text;
  }

 private:
  std::mt19937 random_{11};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bodies every time
};

TEST(Literals, AgreesWithANaiveSearchHoweverTheBodyIsCut) {
  Dice dice;
  for (int round = 0; round < 10'000; ++round) {
    const auto* letters = round % 2 == 0 ? "ab" : "abc";
    Texts texts;
    for (auto left = 1 + dice.below(5); left > 0; --left) {
      texts.push_back(dice.text(letters, 1 + dice.below(9)));
    }
    const auto body = dice.text(letters, 60);
    Literals literals(std::make_shared<const LiteralForms>(texts));
    std::string out;
    for (std::string_view left = body; !left.empty();) {
      const auto piece = left.substr(0, 1 + dice.below(7));
      literals.feed(piece, out);
      left.remove_prefix(piece.size());
    }
    literals.flush(out);
    const auto wanted = naive(texts, body);
    ASSERT_EQ(out, wanted) << body << " " << ::testing::PrintToString(texts);
    ASSERT_EQ(literals.hits(), marks_in(wanted));
  }
}

TEST(Literals, HoldsBackOnlyWhatMayBecomeAHit) {
  Dice dice;
  for (int round = 0; round < 10'000; ++round) {
    const Texts texts = {dice.text("ab", 6), dice.text("ab", 6), dice.text("ab", 6)};
    const auto body = dice.text("ab", 30);
    Literals literals(std::make_shared<const LiteralForms>(texts));
    std::string out;
    literals.feed(body, out);
    ASSERT_EQ(out, naive(texts, body, More::may_come))
        << body << " " << ::testing::PrintToString(texts);
  }
}

double seconds_of(const Texts& texts, std::string_view body) {
  Literals literals(std::make_shared<const LiteralForms>(texts));
  std::string out;
  out.reserve(body.size() * 10);
  const auto begun = std::chrono::steady_clock::now();
  literals.feed(body, out);
  literals.flush(out);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

// Entries that overlap themselves and nearly are in the body everywhere; a search that begins
// again behind every first byte costs 500 times as much.
TEST(Literals, CostsNoMoreForALongTextThatOverlapsItself) {
  const std::string body(50'000, 'a');
  const std::vector<Texts> rows = {
      {std::string(500, 'a') + "b"},
      {std::string(500, 'a') + "b", "a"},
      {std::string(500, 'a') + "b", std::string(499, 'a') + "c", "aa"},
  };
  for (const auto& texts : rows) {
    Texts brief;
    for (const auto& text : texts) {
      brief.push_back(text.size() < 3 ? text : "aa" + text.substr(text.size() - 1));
    }
    const auto short_ones = std::max(seconds_of(brief, body), seconds_of(brief, body));
    const auto long_ones = std::min(seconds_of(texts, body), seconds_of(texts, body));
    EXPECT_LT(long_ones, 20 * short_ones) << texts.size();
  }
}

}  // namespace
}  // namespace aivault::policy
