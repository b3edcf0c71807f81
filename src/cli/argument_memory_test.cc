#include "cli/argument_memory.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace aivault::cli {
namespace {

struct Memory {
  explicit Memory(std::vector<std::string> list) : words(std::move(list)) {
    for (auto& word : words) pointers.push_back(word.data());
  }
  std::vector<ArgumentSecret> take() {
    return take_argument_secrets(static_cast<int>(pointers.size()), pointers.data());
  }
  bool holds(std::string_view text) const {
    return std::ranges::any_of(
        words, [text](const auto& word) { return word.find(text) != std::string::npos; });
  }
  std::vector<std::string> words;
  std::vector<char*> pointers;
};

TEST(ArgumentMemory, LosesTheValueInBothSpellings) {
  for (const auto& list : std::vector<std::vector<std::string>>{
           {"aivault", "secrets", "create", "--value", "hunter2", "--name", "n"},
           {"aivault", "secrets", "create", "--name", "n", "--value=hunter2"},
           {"aivault", "secrets", "create", "--value", "first-one", "--value=hunter2"}}) {
    Memory memory(list);
    const auto taken = memory.take();
    ASSERT_FALSE(taken.empty());
    EXPECT_EQ(taken.back().flag, "value");
    EXPECT_TRUE(taken.back().value == Secret::copy_of("hunter2"));
    EXPECT_FALSE(memory.holds("hunter2"));
    EXPECT_FALSE(memory.holds("first-one"));
    EXPECT_EQ(std::ranges::count(memory.words, "xxxxxxx") +
                  std::ranges::count(memory.words, "--value=xxxxxxx"),
              1);
  }
}

TEST(ArgumentMemory, LosesTheValueOfEveryFlagThatCarriesASecret) {
  for (const auto& flag : secret_flags()) {
    for (const bool with_equals : {false, true}) {
      const auto name = "--" + std::string(flag.name);
      Memory memory(with_equals ? std::vector<std::string>{"aivault", name + "=K=hunter2"}
                                : std::vector<std::string>{"aivault", name, "K=hunter2"});
      const auto taken = memory.take();
      ASSERT_EQ(taken.size(), 1U) << name;
      EXPECT_FALSE(memory.holds("hunter2")) << name;
      EXPECT_TRUE(taken[0].value == Secret::copy_of(flag.has_name ? "hunter2" : "K=hunter2"));
    }
  }
}

TEST(ArgumentMemory, TakesEntriesInOrderAndLeavesTheirNames) {
  Memory memory({"aivault", "secrets", "import", "--entry", " A =one", "--entry=B=two=2"});
  const auto taken = memory.take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].name, "A");
  EXPECT_TRUE(taken[0].value == Secret::copy_of("one"));
  EXPECT_EQ(taken[1].name, "B");
  EXPECT_TRUE(taken[1].value == Secret::copy_of("two=2"));
  EXPECT_EQ(memory.words[4], " A =xxx");
}

TEST(ArgumentMemory, LosesAnEntryWithoutANameAltogether) {
  Memory memory({"aivault", "secrets", "import", "--entry", "hunter2"});
  const auto taken = memory.take();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_FALSE(taken[0].is_named);
  EXPECT_EQ(memory.words[4], "xxxxxxx");
}

TEST(ArgumentMemory, KeepsWhatMakesAValueAUsageError) {
  Memory memory({"aivault", "secrets", "create", "--value", "-secret"});
  memory.take();
  EXPECT_EQ(memory.words.back(), "-xxxxxx");
}

TEST(ArgumentMemory, LeavesOtherArgumentsAlone) {
  const std::vector<std::string> list{
      "aivault", "secrets", "create", "--value-file", "f", "--", "--value", "v"};
  Memory memory(list);
  EXPECT_TRUE(memory.take().empty());
  EXPECT_EQ(memory.words, list);
}

}  // namespace
}  // namespace aivault::cli
