#include "vault/revisions.h"

#include <gtest/gtest.h>

namespace aivault::vault {
namespace {

using store::Table;

constexpr const char* kSecret = "3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21";

TEST(Revisions, GiveAReaderWhatWasRightAtItsSnapshot) {
  Revisions revisions(10);
  ASSERT_TRUE(revisions.load(Table::secrets, kSecret, 4));
  ASSERT_TRUE(revisions.load(Table::credentials, "acme", 5));
  EXPECT_FALSE(revisions.load(Table::secrets, "not-a-uuid", 1));
  EXPECT_FALSE(revisions.load(Table::credentials, "acme", 6));

  const Revisions::Pin reader(revisions);  // Its snapshot is the one of counter 10.
  revisions.announce(11,
                     {{Table::secrets, kSecret, 11}, {Table::credentials, "acme", std::nullopt}});
  EXPECT_TRUE(revisions.covers(11));  // Known before it is committed.
  EXPECT_EQ(revisions.at(Table::secrets, kSecret, 10), 4);
  EXPECT_EQ(revisions.at(Table::secrets, kSecret, 11), 11);
  revisions.commit(11);
  revisions.announce(12, {{Table::secrets, kSecret, 12}, {Table::credentials, "beta", 12}});
  revisions.commit(12);
  EXPECT_EQ(revisions.at(Table::secrets, kSecret, 10), 4);
  EXPECT_EQ(revisions.at(Table::secrets, kSecret, 11), 11);
  EXPECT_EQ(revisions.at(Table::secrets, kSecret, 12), 12);
  EXPECT_EQ(revisions.ids(Table::credentials, 10), std::vector<std::string>{"acme"});
  EXPECT_EQ(revisions.ids(Table::credentials, 11), std::vector<std::string>{});
  EXPECT_EQ(revisions.ids(Table::credentials, 12), std::vector<std::string>{"beta"});
  EXPECT_FALSE(revisions.covers(9));
  EXPECT_FALSE(revisions.covers(13));
}

TEST(Revisions, ForgetWhatWasNotCommitted) {
  Revisions revisions(1);
  ASSERT_TRUE(revisions.load(Table::secrets, kSecret, 1));
  revisions.announce(2, {{Table::secrets, kSecret, std::nullopt}, {Table::policies, "p", 2}});
  revisions.retract(2);
  EXPECT_EQ(revisions.at(Table::secrets, kSecret, 1), 1);
  EXPECT_EQ(revisions.at(Table::policies, "p", 1), std::nullopt);
  EXPECT_FALSE(revisions.covers(2));
  EXPECT_EQ(revisions.count(Table::secrets), 1U);
}

}  // namespace
}  // namespace aivault::vault
