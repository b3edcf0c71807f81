#include "broker/limit_stages.h"

#include <gtest/gtest.h>

namespace aivault::broker {
namespace {

TEST(Blocklists, PreparesEachListOnce) {
  Blocklists lists;
  const auto first = lists.rules_of({"secret"});
  EXPECT_EQ(lists.rules_of({"secret"}), first);
  EXPECT_NE(lists.rules_of({"secret", "field:ssn"}), first);
}

TEST(Blocklists, KeepsABoundedNumber) {
  Blocklists lists;
  const std::weak_ptr<const policy::BlocklistRules> first = lists.rules_of({"0"});
  for (int list = 1; list < 100; ++list) lists.rules_of({std::to_string(list)});
  EXPECT_TRUE(first.expired());
}

}  // namespace
}  // namespace aivault::broker
