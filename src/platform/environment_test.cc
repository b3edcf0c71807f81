#include "platform/environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace aivault::platform {
namespace {

TEST(Environment, TrimsTextAndTakesBlankForUnset) {
  const Environment environment({{"A", " x y\t"}, {"BLANK", " \t"}, {"EMPTY", ""}});
  EXPECT_EQ(environment.text("A"), "x y");
  EXPECT_EQ(environment.text("BLANK"), std::nullopt);
  EXPECT_EQ(environment.text("EMPTY"), std::nullopt);
  EXPECT_EQ(environment.text("MISSING"), std::nullopt);
}

TEST(Environment, KnowsFourWordsForTrue) {
  for (const char* yes : {"1", "true", "YES", " On "}) {
    EXPECT_TRUE(Environment({{"F", yes}}).flag("F")) << yes;
  }
  for (const char* no : {"0", "false", "2", "y", "enabled"}) {
    EXPECT_FALSE(Environment({{"F", no}}).flag("F", true)) << no;
  }
  EXPECT_TRUE(Environment({{"F", " "}}).flag("F", true));
  EXPECT_FALSE(Environment(std::map<std::string, std::string>{}).flag("F"));
}

TEST(Environment, MakesPathsAbsoluteAgainstTheDirectoryAtStart) {
  ASSERT_EQ(::chdir("/usr"), 0);
  const Environment environment({{"R", " lib/x "}, {"A", "/etc"}, {"TILDE", "~/x"}});
  ASSERT_EQ(::chdir("/"), 0);
  EXPECT_EQ(environment.path("R"), "/usr/lib/x");
  EXPECT_EQ(environment.path("A"), "/etc");
  EXPECT_EQ(environment.path("TILDE"), "/usr/~/x");
  EXPECT_EQ(Environment({{"R", "x"}}).path("R"), "/x");
}

TEST(Environment, NamesDevelopmentVariablesThatAreNotBlank) {
  const Environment environment({{"AIVAULT_DEV_RESOLVE", "a=1.2.3.4"},
                                 {"AIVAULT_DEV_HTTP1_ONLY", " "},
                                 {"AIVAULT_DEVICE", "1"}});
  EXPECT_EQ(environment.development_variables(), std::vector<std::string>{"AIVAULT_DEV_RESOLVE"});
}

TEST(Environment, ReadsTheProcess) {
  ASSERT_EQ(::setenv("AIVAULT_TEST_OF_PROCESS", "a=b", 1), 0);
  EXPECT_EQ(Environment::of_process().text("AIVAULT_TEST_OF_PROCESS"), "a=b");
}

}  // namespace
}  // namespace aivault::platform
