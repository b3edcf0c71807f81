#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "testing/vault_place.h"
#include "vault/slot.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::VaultPlace;

// A vault on a file system of its own, so that it can be filled.
class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(place_.root());
    if (::mount("aivault-test", place_.root().c_str(), "tmpfs", 0, "size=8m,mode=0700") != 0) {
      GTEST_SKIP() << "needs root to mount a small disk";
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(place_.root().c_str(), MNT_DETACH);
  }
  std::string filler() const { return place_.root() + "/filler"; }
  void fill() const {
    for (const std::size_t size : {std::size_t{65536}, std::size_t{512}}) {
      std::ofstream file(filler(), std::ios::app | std::ios::binary);
      file << std::unitbuf;
      const std::string some(size, 'x');
      while (file.write(some.data(), static_cast<std::streamsize>(some.size()))) {
      }
    }
  }
  bool has_reserve() const { return std::filesystem::exists(place_.root() + "/reserve"); }

  VaultPlace place_;
  bool mounted_ = false;
};

TEST_F(FullDisk, OpensWithTheReserveAndKeepsItForTakingAway) {
  const auto secret = create(*place_.open(), named("KEPT"), "some value");
  ASSERT_TRUE(secret);
  ASSERT_TRUE(has_reserve());
  fill();
  const auto vault = place_.open();
  EXPECT_FALSE(has_reserve());
  vault->flush();
  EXPECT_FALSE(vault->status().writable);
  EXPECT_TRUE(vault->read([&](Reader& reader) -> Result<void> {
    TRY_ASSIGN(const auto found, reader.secret(secret->id));
    EXPECT_TRUE(found);
    return {};
  }));
  const auto more = create(*vault, named("MORE"), "another value");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().reason, "not_writable") << more.error().message;
  const auto gone = vault->change([&](Change& change) -> Result<void> {
    TRY(change.revoke_secret(secret->id));
    change.record(event_of("secret.delete"));
    return {};
  });
  EXPECT_TRUE(gone) << gone.error().message;
}

TEST_F(FullDisk, IsNamedAndLocksAllTheSame) {
  ASSERT_TRUE(place_.open() != nullptr);
  std::filesystem::remove(place_.root() + "/reserve");
  fill();
  const auto vault = Vault::open(place_.options());
  ASSERT_FALSE(vault);
  EXPECT_EQ(vault.error().message, "vault not writable: disk is full");
  Slot slot(place_.options());
  const auto locked = slot.lock(event_of("vault.lock"));
  ASSERT_TRUE(locked) << locked.error().message;
  EXPECT_TRUE(locked->locked);
  std::filesystem::remove(filler());
  EXPECT_TRUE(Vault::open(place_.options()));
}

}  // namespace
}  // namespace aivault::vault
