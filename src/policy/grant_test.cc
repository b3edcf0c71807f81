#include "policy/grant.h"

#include <gtest/gtest.h>

#include <vector>

namespace aivault::policy {
namespace {

using Patterns = std::vector<std::string>;

registry::Capability capability(std::string_view id) {
  registry::Capability made;
  made.id = id;
  return made;
}

TEST(Grant, CoversByExactIdOrByABeginningAndAStar) {
  struct Row {
    Patterns patterns;
    const char* id;
    bool granted;
  };
  const Row rows[] = {
      {{}, "openai/models", false},
      {{"openai/models"}, "openai/models", true},
      {{"openai/models"}, "openai/models2", false},
      {{"openai/*"}, "openai/models", true},
      {{"openai/*"}, "openai", false},
      {{"openai/mod*"}, "openai/models", true},
      {{"openai/mod*"}, "openai/mo", false},
      {{"github/*", "*"}, "openai/models", true},
      {{"OPENAI/*"}, "openai/models", false},
  };
  for (const auto& [patterns, id, granted] : rows) {
    EXPECT_EQ(grants(patterns, capability(id)), granted) << id;
  }
}

// Case 32.
TEST(Grant, NeverCoversByAStarWhatNeedsAGrantOfItsOwn) {
  for (const auto flag : {&registry::Capability::emits,
                          &registry::Capability::is_explicit,
                          &registry::Capability::nested}) {
    auto marked = capability("openai/keys");
    marked.*flag = true;
    EXPECT_FALSE(grants(Patterns{"*", "openai/*", "openai/keys*"}, marked));
    EXPECT_TRUE(grants(Patterns{"openai/keys"}, marked));
  }
}

TEST(Grant, TellsWhetherAPatternIsWithinOthers) {
  struct Row {
    Patterns held;
    const char* wanted;
    bool within;
  };
  const Row rows[] = {
      {{"*"}, "*", true},
      {{"*"}, "openai/*", true},
      {{"openai/*"}, "*", false},
      {{"openai/*"}, "openai/models", true},
      {{"openai/*"}, "openai/mod*", true},
      {{"openai/mod*"}, "openai/*", false},
      {{"openai/models"}, "openai/models", true},
      {{"openai/models"}, "openai/models*", false},
      {{}, "openai/models", false},
  };
  for (const auto& [held, wanted, within] : rows)
    EXPECT_EQ(is_within(held, wanted), within) << wanted;
}

TEST(Grant, RefusesPatternsThatAreNeitherAnIdNorABeginning) {
  for (const char* bad : {"", "  ", "open*ai", "**", "a b", "a\tb", "\xff"}) {
    EXPECT_FALSE(check_pattern(bad)) << bad;
  }
  EXPECT_EQ(check_pattern("  openai/* ").value(), "openai/*");
  EXPECT_EQ(check_pattern("own/thing").value(), "own/thing");
}

}  // namespace
}  // namespace aivault::policy
