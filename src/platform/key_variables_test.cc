#include "platform/key_variables.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "platform/environment.h"

namespace aivault::platform {
namespace {

// Strings of the test's own as the environment, so that what stays of them can be looked at.
class KeyVariablesOf : public ::testing::Test {
 protected:
  KeyVariablesOf() : before_(environ) {}
  ~KeyVariablesOf() override { environ = before_; }
  void set(std::vector<std::string> entries) {
    strings_ = std::move(entries);
    pointers_.clear();
    for (auto& text : strings_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
    environ = pointers_.data();
  }
  bool remains(std::string_view needle) const {
    for (const auto& text : strings_) {
      if (text.find(needle) != std::string::npos) return true;
    }
    return false;
  }

  std::vector<std::string> strings_;

 private:
  std::vector<char*> pointers_;
  char** before_;
};

TEST_F(KeyVariablesOf, MovesTheValueOutOfTheEnvironment) {
  set({"A=1", "MY_KEY=needle", "MY_KEY2=other", "MY_KEY=second needle"});
  ASSERT_TRUE(remains("needle"));
  KeyVariables keys;
  keys.take("MY_KEY");
  EXPECT_FALSE(remains("needle"));
  EXPECT_TRUE(remains("other"));
  EXPECT_EQ(::getenv("MY_KEY"), std::string());  // NOLINT(concurrency-mt-unsafe)
  const auto value = keys.value("MY_KEY");
  ASSERT_TRUE(value);
  EXPECT_TRUE(*value == Secret::copy_of(std::string_view("needle")));
  EXPECT_TRUE(keys.value("MY_KEY"));  // As often as it is needed.
}

TEST_F(KeyVariablesOf, TakesOnDemandAndKnowsNothingElse) {
  set({"LATE_KEY=needle", "EMPTY=", "LONG=" + std::string(5000, 'x')});
  KeyVariables keys;
  EXPECT_TRUE(keys.value("LATE_KEY"));
  EXPECT_FALSE(remains("needle"));
  EXPECT_FALSE(keys.value("EMPTY"));
  EXPECT_FALSE(keys.value("LONG"));
  EXPECT_FALSE(remains("xxx"));
  EXPECT_FALSE(keys.value("ABSENT"));
  EXPECT_FALSE(keys.value(""));
}

TEST_F(KeyVariablesOf, LeavesNothingToAnEnvironmentReadBeforeOrAfter) {
  set({"HOME=/h", "MY_KEY=needle"});
  const auto before = Environment::of_process();
  KeyVariables keys;
  keys.take("MY_KEY");
  const auto after = Environment::of_process();
  for (const auto* environment : {&before, &after}) {
    EXPECT_EQ(environment->text("MY_KEY"), std::nullopt);
    EXPECT_EQ(environment->text("HOME"), "/h");
    EXPECT_EQ(environment->all().at("MY_KEY"), "");
  }
}

TEST(KeyVariables, KnowWhatANameIs) {
  for (const auto* name : {"A", "_", "AIVAULT_KEY", "a1"}) {
    EXPECT_TRUE(KeyVariables::is_name(name)) << name;
  }
  for (const std::string& name : {std::string(),
                                  std::string("1A"),
                                  std::string("A-B"),
                                  std::string("A=B"),
                                  std::string("A B"),
                                  std::string("\xc3\xa4"),
                                  std::string(129, 'A')}) {
    EXPECT_FALSE(KeyVariables::is_name(name)) << name;
  }
}

}  // namespace
}  // namespace aivault::platform
