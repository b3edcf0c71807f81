#include "cli/argument_memory.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace aivault::cli {
namespace {

struct Memory {
  explicit Memory(std::vector<std::string> list) : words(std::move(list)) {
    for (auto& word : words) pointers.push_back(word.data());
  }
  std::optional<Secret> take() {
    return take_argument_value(static_cast<int>(pointers.size()), pointers.data());
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
    const auto value = memory.take();
    ASSERT_TRUE(value);
    EXPECT_TRUE(*value == Secret::copy_of("hunter2"));
    for (const auto& word : memory.words) {
      EXPECT_EQ(word.find("hunter2"), std::string::npos);
      EXPECT_EQ(word.find("first-one"), std::string::npos);
    }
    EXPECT_EQ(std::ranges::count(memory.words, "xxxxxxx") +
                  std::ranges::count(memory.words, "--value=xxxxxxx"),
              1);
  }
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
  EXPECT_FALSE(memory.take());
  EXPECT_EQ(memory.words, list);
}

}  // namespace
}  // namespace aivault::cli
