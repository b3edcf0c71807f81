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

TEST(Completion, OffersTheIdsThatTheVaultKnows) {
  const auto bash = completion_script("bash").value_or("");
  for (const auto* words : {"'invoke')", "'capability describe')", "'provider show')"}) {
    const auto at = bash.find(words);
    ASSERT_NE(at, std::string::npos) << words;
    const auto line = bash.substr(at, bash.find(";;", at) - at);
    EXPECT_NE(line.find(" ids='"), std::string::npos) << line;
  }
  const auto create = bash.find("'capability create')");
  EXPECT_EQ(bash.substr(create, bash.find(";;", create) - create).find(" ids='"),
            std::string::npos);
}

}  // namespace
}  // namespace aivault::cli
