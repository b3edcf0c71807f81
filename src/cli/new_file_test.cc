#include "cli/new_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace aivault::cli {
namespace {

class NewFileTest : public testing::Test {
 protected:
  NewFileTest() {
    std::string pattern = testing::TempDir() + "new-file-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ / "archive";
  }
  ~NewFileTest() override { std::filesystem::remove_all(directory_); }

  std::size_t count() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_), {}));
  }
  std::string content() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
};

TEST_F(NewFileTest, GetsItsNameAndNarrowModeAtTheEnd) {
  auto file = NewFile::create(path_, Existing::refused);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("abc"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(file->digest_on_disk().value(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ASSERT_TRUE(file->publish());
  EXPECT_EQ(content(), "abc");
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(count(), 1U);
}

TEST_F(NewFileTest, LeavesNothingWhenItIsNotPublished) {
  {
    auto file = NewFile::create(path_, Existing::refused);
    ASSERT_TRUE(file && file->write("abc"));
  }
  EXPECT_EQ(count(), 0U);
}

TEST_F(NewFileTest, RefusesAnExistingFileAtTheBeginningAndAtTheEnd) {
  auto file = NewFile::create(path_, Existing::refused);
  ASSERT_TRUE(file && file->write("new"));
  std::ofstream(path_) << "old";
  const auto published = file->publish();
  ASSERT_FALSE(published);
  EXPECT_NE(published.error().message.find("exists; --force"), std::string::npos);
  EXPECT_FALSE(NewFile::create(path_, Existing::refused));
  EXPECT_EQ(content(), "old");
}

TEST_F(NewFileTest, ReplacesAFileWhenAskedToAndNothingElse) {
  std::ofstream(path_) << "old";
  auto file = NewFile::create(path_, Existing::replaced);
  ASSERT_TRUE(file && file->write("new") && file->publish());
  EXPECT_EQ(content(), "new");
  const auto link = directory_ / "link";
  std::filesystem::create_symlink(path_, link);
  EXPECT_FALSE(NewFile::create(link, Existing::replaced));
}

}  // namespace
}  // namespace aivault::cli
