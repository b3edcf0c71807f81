#include "platform/directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <thread>

#include "platform/key_file.h"
#include "platform/range_lock.h"

namespace aivault::platform {
namespace {

class PrivateFiles : public ::testing::Test {
 protected:
  PrivateFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aivault-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
  }
  ~PrivateFiles() override { std::filesystem::remove_all(base_); }
  static unsigned mode(const std::string& path) {
    struct stat facts{};
    EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 07777;
  }
  std::string base_;
};

TEST_F(PrivateFiles, MakesPrivateDirectoriesAndFiles) {
  const auto directory = Directory::open_or_make(base_ + "/a/b/c");
  ASSERT_TRUE(directory) << directory.error().message;
  for (const char* part : {"/a", "/a/b", "/a/b/c"}) EXPECT_EQ(mode(base_ + part), 0700U) << part;
  ASSERT_TRUE(directory->create("new"));
  EXPECT_EQ(mode(base_ + "/a/b/c/new"), 0600U);
  EXPECT_FALSE(directory->create("new"));
  ASSERT_TRUE(directory->replace("new", "content"));
  EXPECT_EQ(**directory->read("new", 7), "content");
  EXPECT_FALSE(directory->read("new", 6));
  EXPECT_FALSE(*directory->read("absent", 6));
  for (const auto& name : directory->names()) EXPECT_FALSE(pid_of_temporary(name)) << name;
}

TEST_F(PrivateFiles, MakesNothingForRootWhereAnotherUserRules) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files to another user";
  ASSERT_EQ(::chown(base_.c_str(), 1, 1), 0);
  for (const auto& path : {base_, base_ + "/a/b"}) {
    const auto directory = Directory::open_or_make(path);
    ASSERT_FALSE(directory) << path;
    EXPECT_EQ(directory.error().reason, "unsafe_path");
    EXPECT_EQ(directory.error().message,
              "'" + base_ + "' belongs to uid 1; create the vault as that user");
  }
  EXPECT_FALSE(std::filesystem::exists(base_ + "/a"));
  EXPECT_EQ(Directory::open(base_).error().message,
            "unsafe directory '" + base_ + "': it belongs to uid 1");
}

TEST_F(PrivateFiles, TightensForRootNothingThatAnotherUserCanPutThere) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files to another user";
  constexpr unsigned kStranger = 65533;
  const auto victim = base_ + "/victim";
  ASSERT_EQ(::mkdir(victim.c_str(), 0755), 0);
  const auto link = base_ + "/link";
  ASSERT_EQ(::symlink(victim.c_str(), link.c_str()), 0);
  ASSERT_EQ(::lchown(link.c_str(), kStranger, kStranger), 0);
  const auto opened = Directory::open(link);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, "unsafe_path");
  struct stat facts{};
  ASSERT_EQ(::stat(victim.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0755U);
  // Root's own place is tightened as anybody's.
  EXPECT_TRUE(Directory::open(victim));
  ASSERT_EQ(::stat(victim.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0700U);
}

TEST_F(PrivateFiles, FollowsNoLinkInside) {
  const auto directory = Directory::open(base_);
  ASSERT_TRUE(directory);
  std::ofstream(base_ + "/target") << "x";
  std::filesystem::create_symlink(base_ + "/target", base_ + "/link");
  std::filesystem::create_hard_link(base_ + "/target", base_ + "/second");
  ASSERT_EQ(::mkfifo((base_ + "/fifo").c_str(), 0600), 0);
  for (const char* name : {"link", "second", "fifo"}) {
    EXPECT_EQ(directory->look(name).error().reason, "unsafe_path") << name;
    EXPECT_FALSE(directory->read(name, 10)) << name;
    EXPECT_FALSE(directory->open_or_create(name)) << name;
  }
}

TEST_F(PrivateFiles, TightensNoFileThatAnotherPutInItsPlace) {
  std::filesystem::create_directory(base_ + "/inside");
  ::chmod((base_ + "/inside").c_str(), 0700);
  const auto directory = Directory::open(base_ + "/inside");
  ASSERT_TRUE(directory);
  const auto target = base_ + "/target";
  const auto file = base_ + "/inside/file", link = base_ + "/inside/link";
  for (const auto& path : {target, file}) {
    std::ofstream(path) << "x";
    ::chmod(path.c_str(), 0644);
  }
  directory->tighten("file");
  EXPECT_EQ(mode(file), 0600U);

  std::filesystem::create_symlink(target, link);
  const Descriptor open_file(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const std::jthread swapping([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      ::fchmod(open_file.get(), 0644);
      ::renameat2(AT_FDCWD, file.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
    }
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end) directory->tighten("file");
  EXPECT_EQ(mode(target), 0644U);
}

TEST_F(PrivateFiles, RecognisesTemporaryNames) {
  EXPECT_EQ(pid_of_temporary("vault.json.tmp.123.0011"), 123);
  EXPECT_FALSE(pid_of_temporary("vault.json"));
  EXPECT_FALSE(pid_of_temporary("vault.json.tmp.x.0011"));
  EXPECT_FALSE(pid_of_temporary("vault.json.tmp.123"));
}

TEST_F(PrivateFiles, OpensPrivateKeyFilesOnly) {
  const auto path = base_ + "/keys/kek.key";
  EXPECT_FALSE(*open_key_file(path, ::geteuid()));
  auto made = make_key_file(path, ::geteuid());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(std::filesystem::exists(path));  // Not before it is complete.
  ASSERT_TRUE(made->finish());
  EXPECT_EQ(mode(path), 0600U);
  EXPECT_TRUE(*open_key_file(path, ::geteuid()));
  auto second = make_key_file(path, ::geteuid());
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->finish());  // Nothing is overwritten.

  const auto error = [&](const std::string& of) {
    const auto file = open_key_file(of, ::geteuid());
    return file ? std::string("opened") : file.error().reason + ": " + file.error().message;
  };
  ::chmod(path.c_str(), 0640);
  EXPECT_NE(error(path).find("chmod 600"), std::string::npos) << error(path);
  EXPECT_EQ(mode(path), 0640U);  // Never repaired.
  ::chmod(path.c_str(), 0600);
  ::chmod((base_ + "/keys").c_str(), 0770);
  EXPECT_NE(error(path).find("chmod go-w"), std::string::npos) << error(path);
  ::chmod((base_ + "/keys").c_str(), 0700);
  std::filesystem::create_symlink(path, base_ + "/link");
  EXPECT_NE(error(base_ + "/link").find("symbolic link"), std::string::npos);
  EXPECT_NE(error(base_ + "/keys").find("not a regular file"), std::string::npos);
  std::filesystem::resize_file(path, kMaxKeyFileBytes + 1);
  EXPECT_NE(error(path).find("too large"), std::string::npos);
}

TEST_F(PrivateFiles, LocksBytesForOneDescription) {
  const auto directory = Directory::open(base_);
  ASSERT_TRUE(directory);
  const RangeLock one(*directory->open_or_create("lock"));
  const RangeLock two(*directory->open_or_create("lock"));
  EXPECT_TRUE(one.try_lock(0, RangeLock::Hold::exclusive));
  EXPECT_FALSE(two.try_lock(0, RangeLock::Hold::shared));
  EXPECT_TRUE(two.try_lock(1, RangeLock::Hold::shared));
  EXPECT_FALSE(two.is_held_elsewhere(1));
  EXPECT_TRUE(one.try_lock(1, RangeLock::Hold::shared));
  EXPECT_TRUE(two.is_held_elsewhere(1));
  one.unlock(0);
  EXPECT_TRUE(two.try_lock(0, RangeLock::Hold::exclusive));
}

}  // namespace
}  // namespace aivault::platform
