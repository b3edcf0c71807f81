#include "daemon/daily_check.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "platform/descriptor.h"
#include "store/database.h"
#include "testing/vault_place.h"

namespace aivault::daemon {
namespace {

using namespace std::chrono_literals;
using aivault::testing::create;
using aivault::testing::named;
using aivault::testing::VaultPlace;

class Checked : public ::testing::Test {
 protected:
  Checked()
      : file_(::open((place_.base() + "/log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600)),
        log_(file_.get(), {}),
        slot_(place_.options()) {}

  std::string said() const {
    std::ifstream file(place_.base() + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool says(std::string_view what) const {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (std::chrono::steady_clock::now() < end) {
      if (said().find(what) != std::string::npos) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  VaultPlace place_;
  platform::Descriptor file_;
  platform::Log log_;
  vault::Slot slot_;
};

TEST_F(Checked, SaysThatAllIsWell) {
  ASSERT_TRUE(slot_.get_or_create());
  const DailyCheck check(slot_, log_, 10ms);
  EXPECT_TRUE(says("vault.checked result=ok")) << said();
}

TEST_F(Checked, NamesWhatFailedInTheLogAndInTheVault) {
  const auto vault = slot_.get_or_create();
  ASSERT_TRUE(vault);
  const auto made = create(**vault, named("A"), "a-long-enough-value");
  ASSERT_TRUE(made);
  auto database = store::Database::open(place_.database());
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->execute("UPDATE secrets SET name = 'B'"));
  const DailyCheck check(slot_, log_, 10ms);
  EXPECT_TRUE(says("vault.integrity_failed message=")) << said();
  EXPECT_NE(said().find(made->id.str()), std::string::npos);
  EXPECT_EQ((*vault)->problems().size(), 1U);
}

TEST_F(Checked, OpensNoVaultAndEndsAtOnce) {
  {
    DailyCheck check(slot_, log_, 1ms);
    std::this_thread::sleep_for(20ms);
    check.stop();
    check.stop();
  }
  EXPECT_FALSE(std::filesystem::exists(place_.root()));
  const DailyCheck waits(slot_, log_, std::chrono::hours(24));  // Ends with the test.
  EXPECT_EQ(said(), "");
}

}  // namespace
}  // namespace aivault::daemon
