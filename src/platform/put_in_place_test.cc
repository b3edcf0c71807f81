#include "platform/put_in_place.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace aivault::platform {
namespace {

namespace fs = std::filesystem;

class PutInPlace : public ::testing::Test {
 protected:
  PutInPlace() {
    std::string name = "/tmp/aiv-place-XXXXXX";
    base_ = ::mkdtemp(name.data());
    for (const auto* directory : {"new", "old"}) {
      fs::create_directory(base_ / directory);
      std::ofstream(base_ / directory / "what") << directory;
    }
  }
  ~PutInPlace() override { fs::remove_all(base_); }

  Result<void> put(const std::string& fresh, const std::string& aside) {
    return put_in_place(base_ / fresh, base_ / "old", base_ / aside, done_);
  }
  std::string what(const std::string& directory) const {
    std::string text;
    std::ifstream(base_ / directory / "what") >> text;
    return text;
  }

  fs::path base_;
  Placed done_ = Placed::nothing;
};

TEST_F(PutInPlace, KeepsTheOldOneUnderItsOwnName) {
  ASSERT_TRUE(put("new", "aside"));
  EXPECT_EQ(Placed::all, done_);
  EXPECT_EQ("new", what("old"));
  EXPECT_EQ("old", what("aside"));
  EXPECT_FALSE(fs::exists(base_ / "new"));
}

TEST_F(PutInPlace, ChangesNothingWhenThereIsNothingNew) {
  EXPECT_EQ("not_writable", put("missing", "aside").error().reason);
  EXPECT_EQ(Placed::nothing, done_);
  EXPECT_EQ("old", what("old"));
}

TEST_F(PutInPlace, OverwritesNothingThatIsAside) {
  fs::create_directory(base_ / "aside");
  EXPECT_FALSE(put("new", "aside"));
  EXPECT_EQ(Placed::exchanged, done_);
  EXPECT_EQ("new", what("old"));
  EXPECT_EQ("old", what("new"));
}

}  // namespace
}  // namespace aivault::platform
