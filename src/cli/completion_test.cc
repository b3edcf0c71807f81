#include "cli/completion.h"

#include <gtest/gtest.h>

#include "cli/command.h"

namespace aivault::cli {
namespace {

TEST(Completion, KnowsEveryCommandAndFlag) {
  for (const auto* shell : {"bash", "zsh", "fish"}) {
    const auto script = completion_script(shell).value_or("");
    for (const auto& command : commands()) {
      EXPECT_NE(script.find(last_word(command)), std::string::npos) << shell << command.words;
      for (const auto& flag : command.flags) {
        EXPECT_NE(script.find(flag.name), std::string::npos) << shell << flag.name;
      }
    }
  }
  EXPECT_FALSE(completion_script("tcsh"));
}

}  // namespace
}  // namespace aivault::cli
