#include "platform/unix_listener.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

namespace aivault::platform {
namespace {

namespace fs = std::filesystem;

class UnixListenerTest : public testing::Test {
 protected:
  UnixListenerTest() {
    ::umask(022);
    EXPECT_NE(::mkdtemp(base_.data()), nullptr);
    path_ = base_ + "/run/d.sock";
  }
  ~UnixListenerTest() override { fs::remove_all(base_); }

  static mode_t mode_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777U;
  }
  static int connect_to(const std::string& path) {
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    return ::connect(socket.get(), raw, sizeof address) == 0 ? 0 : errno;
  }
  std::string refusal(const std::string& path, mode_t mode = 0700) {
    auto opened = SocketDirectory::open(path, mode);
    EXPECT_FALSE(opened.has_value()) << path;
    return opened ? "" : opened.error().message;
  }

  std::string base_ = (fs::temp_directory_path() / "aivault-listen.XXXXXX").string();
  std::string path_;
};

TEST_F(UnixListenerTest, MakesDirectoriesAndASocketForItsOwnerAlone) {
  auto directory = SocketDirectory::open(base_ + "/a/run/d.sock", 0700);
  ASSERT_TRUE(directory.has_value());
  EXPECT_EQ(directory->look(), AtPath::nothing);
  auto listening = directory->listen(0600);
  ASSERT_TRUE(listening.has_value()) << listening.error().message;
  EXPECT_EQ(mode_of(base_ + "/a"), 0700U);
  EXPECT_EQ(mode_of(base_ + "/a/run"), 0700U);
  EXPECT_EQ(mode_of(base_ + "/a/run/d.sock"), 0600U);
  EXPECT_EQ(directory->look(), AtPath::our_socket);
  EXPECT_EQ(connect_to(base_ + "/a/run/d.sock"), 0);
}

TEST_F(UnixListenerTest, GivesTheLastDirectoryItsModeWhateverTheUmask) {
  const mode_t before = ::umask(0077);
  auto directory = SocketDirectory::open(path_, 0750);
  EXPECT_TRUE(directory.has_value());
  EXPECT_TRUE(directory->listen(0660).has_value());
  ::umask(before);
  EXPECT_EQ(mode_of(base_ + "/run"), 0750U);
  EXPECT_EQ(mode_of(path_), 0660U);
}

TEST_F(UnixListenerTest, IsNeverOpenToOthersForAMoment) {
  const mode_t before = ::umask(0);
  auto directory = SocketDirectory::open(path_, 0700);
  ASSERT_TRUE(directory.has_value());
  std::atomic<bool> done = false;
  std::atomic<mode_t> widest = 0;
  std::thread watcher([&] {
    while (!done) {
      DIR* entries = ::opendir((base_ + "/run").c_str());
      while (const dirent* entry = ::readdir(entries)) {
        struct stat status{};
        if (entry->d_type == DT_SOCK &&
            ::fstatat(::dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
          widest = widest | (status.st_mode & 0777U);
        }
      }
      ::closedir(entries);
    }
  });
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(directory->listen(0600).has_value());
  done = true;
  watcher.join();
  ::umask(before);
  EXPECT_EQ(widest, 0600U);
}

TEST_F(UnixListenerTest, CanBeConnectedToWheneverThePathExists) {
  auto directory = SocketDirectory::open(path_, 0700);
  ASSERT_TRUE(directory.has_value());
  auto current = directory->listen(0600);
  ASSERT_TRUE(current.has_value());
  std::atomic<bool> done = false;
  std::atomic<int> refused = 0;
  std::atomic<int> connected = 0;
  std::thread caller([&] {
    while (!done) (connect_to(path_) == 0 ? connected : refused)++;
  });
  for (int i = 0; i < 200; ++i) {
    auto next = directory->listen(0600);
    ASSERT_TRUE(next.has_value());
    const Descriptor old = std::exchange(*current, *std::move(next));
    std::this_thread::yield();  // The old one still listens while the path changes.
  }
  done = true;
  caller.join();
  EXPECT_GT(connected, 0);
  // A connect that looked the path up just before the old one closed may still be refused.
  EXPECT_LT(refused, connected);
}

TEST_F(UnixListenerTest, ReplacesADeadSocketAndLeavesNothingBeside) {
  {
    auto first = SocketDirectory::open(path_, 0700);
    ASSERT_TRUE(first.has_value());
    ASSERT_TRUE(first->listen(0600).has_value());
  }
  EXPECT_EQ(connect_to(path_), ECONNREFUSED);
  auto directory = SocketDirectory::open(path_, 0700);
  ASSERT_TRUE(directory.has_value());
  auto listening = directory->listen(0600);
  ASSERT_TRUE(listening.has_value());
  EXPECT_EQ(connect_to(path_), 0);
  const auto entries = fs::directory_iterator(base_ + "/run");
  EXPECT_EQ(std::distance(fs::begin(entries), fs::end(entries)), 1);
}

TEST_F(UnixListenerTest, NeverReplacesWhatIsNoSocketOfOurs) {
  using Make = std::function<void(const std::string&)>;
  const std::vector<Make> others = {
      [](const std::string& path) { std::ofstream(path) << "data"; },
      [](const std::string& path) { fs::create_directory(path); },
      [](const std::string& path) { fs::create_symlink("/nonexistent", path); },
      [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
  };
  for (const auto& make : others) {
    auto directory = SocketDirectory::open(path_, 0700);
    ASSERT_TRUE(directory.has_value());
    make(path_);
    auto listening = directory->listen(0600);
    ASSERT_FALSE(listening.has_value());
    EXPECT_EQ(listening.error().message, "'" + path_ + "' exists and is not our socket");
    EXPECT_TRUE(fs::is_symlink(path_) || fs::exists(path_));
    fs::remove_all(path_);
  }
}

TEST_F(UnixListenerTest, RemovesOnlyTheSocketItMade) {
  auto old = SocketDirectory::open(path_, 0700);
  ASSERT_TRUE(old.has_value());
  auto first = old->listen(0600);
  ASSERT_TRUE(first.has_value());
  auto successor = SocketDirectory::open(path_, 0700);
  ASSERT_TRUE(successor.has_value());
  auto second = successor->listen(0600);
  ASSERT_TRUE(second.has_value());
  old->unlink_ours();
  EXPECT_EQ(connect_to(path_), 0);
  successor->unlink_ours();
  EXPECT_EQ(connect_to(path_), ENOENT);
}

TEST_F(UnixListenerTest, LetsOneHoldThePathAtATime) {
  auto directory = SocketDirectory::open(path_, 0700);
  ASSERT_TRUE(directory.has_value());
  auto lock = directory->try_lock();
  ASSERT_TRUE(lock.has_value() && lock->has_value());
  EXPECT_EQ(mode_of(path_ + ".lock"), 0600U);
  auto second = directory->try_lock();
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(second->has_value());
  lock->reset();
  EXPECT_TRUE(directory->try_lock()->has_value());
}

TEST_F(UnixListenerTest, RefusesALinkInPlaceOfTheLockFile) {
  auto directory = SocketDirectory::open(path_, 0700);
  ASSERT_TRUE(directory.has_value());
  fs::create_symlink(base_ + "/elsewhere", path_ + ".lock");
  EXPECT_FALSE(directory->try_lock().has_value());
  EXPECT_FALSE(fs::exists(base_ + "/elsewhere"));
}

TEST_F(UnixListenerTest, RefusesPathsThatAreNone) {
  const std::string longest = base_ + "/" + std::string(107 - base_.size() - 1, 'x');
  EXPECT_TRUE(SocketDirectory::open(longest, 0700).has_value());
  EXPECT_EQ(refusal(longest + "x"), "socket path too long: '" + longest + "x'");
  for (const auto& path : {std::string("relative.sock"),
                           base_ + "/",
                           base_ + "/..",
                           base_ + "/a\nb",
                           std::string("/tmp/a\0b", 8),
                           std::string()}) {
    EXPECT_EQ(refusal(path), "invalid socket path");
  }
}

TEST_F(UnixListenerTest, RefusesDirectoriesThatOthersCanWrite) {
  fs::create_directory(base_ + "/run");
  for (const mode_t mode : {0770U, 0777U, 01777U, 0702U}) {
    ASSERT_EQ(::chmod((base_ + "/run").c_str(), mode), 0);
    EXPECT_EQ(refusal(path_),
              "unsafe socket directory '" + base_ + "/run': writable by group or others");
  }
  ASSERT_EQ(::chmod((base_ + "/run").c_str(), 0700), 0);
  ASSERT_EQ(::chmod(base_.c_str(), 0770), 0);
  EXPECT_EQ(refusal(path_), "unsafe socket directory '" + base_ + "': writable by group or others");
  ASSERT_EQ(::chmod(base_.c_str(), 01777), 0);  // As /tmp is.
  EXPECT_TRUE(SocketDirectory::open(path_, 0700).has_value());
}

TEST_F(UnixListenerTest, RefusesDirectoriesOfOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files to another user";
  fs::create_directory(base_ + "/run");
  ASSERT_EQ(::chown(base_.c_str(), 4711, 4711), 0);
  EXPECT_EQ(refusal(path_), "unsafe socket directory '" + base_ + "': it belongs to uid 4711");
}

TEST_F(UnixListenerTest, FollowsLinksOnTheWayButNotTheLastOne) {
  fs::create_directories(base_ + "/real/run");
  fs::create_directory_symlink("real", base_ + "/link");
  EXPECT_TRUE(SocketDirectory::open(base_ + "/link/run/d.sock", 0700).has_value());
  fs::create_directory_symlink("real/run", base_ + "/run");
  EXPECT_EQ(refusal(path_), "unsafe socket directory '" + base_ + "/run': it is a symbolic link");
  fs::create_directory_symlink("loop", base_ + "/loop");
  EXPECT_NE(refusal(base_ + "/loop/x/d.sock").find("too many symbolic links"), std::string::npos);
}

}  // namespace
}  // namespace aivault::platform
