#include "sandbox/system_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>

namespace aivault::sandbox {
namespace {

// errno of what a process under these rules tries; 0: it goes.
int outcome_of(Emptying emptying, const std::function<bool()>& attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr int kNotRestricted = 255;
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!restrict_program_calls(emptying)) ::_exit(kNotRestricted);
    ::_exit(attempt() ? 0 : errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class ProgramCalls : public testing::Test {
 protected:
  void SetUp() override {
    const int file = ::mkstemp(path_.data());
    ASSERT_GE(file, 0);
    ASSERT_EQ(::write(file, "kept", 4), 4);
    ::close(file);
  }
  void TearDown() override { ::unlink(path_.c_str()); }
  bool opens(int flags) const { return ::open(path_.c_str(), flags) >= 0; }
  off_t size() const {
    struct stat facts{};
    return ::stat(path_.c_str(), &facts) == 0 ? facts.st_size : -1;
  }
  std::string path_ = "/tmp/aivault-calls-XXXXXX";
};

TEST_F(ProgramCalls, EmptyNoFileWhereLandlockDoesNotGovernThat) {
  const auto cut = [this] { return ::truncate(path_.c_str(), 0) == 0; };
  const auto open_and_cut = [this] { return opens(O_RDONLY | O_TRUNC); };
  EXPECT_EQ(outcome_of(Emptying::forbidden, cut), EACCES);
  EXPECT_EQ(outcome_of(Emptying::forbidden, open_and_cut), EACCES);
  EXPECT_EQ(size(), 4);
  EXPECT_EQ(outcome_of(Emptying::forbidden, [this] { return opens(O_RDONLY); }), 0);
  EXPECT_EQ(outcome_of(Emptying::forbidden, [this] { return opens(O_RDWR); }), 0);
  EXPECT_EQ(outcome_of(Emptying::governed, cut), 0);
  EXPECT_EQ(size(), 0);
}

TEST_F(ProgramCalls, MakeSocketsOfTheNetworkNamespaceOnly) {
  struct Row {
    int family, type, outcome;
  };
  for (const auto& row : {Row{AF_INET, SOCK_STREAM, 0},
                          Row{AF_INET6, SOCK_DGRAM, 0},
                          Row{AF_NETLINK, SOCK_RAW, 0},
                          Row{AF_UNIX, SOCK_STREAM, EAFNOSUPPORT},
                          Row{AF_VSOCK, SOCK_STREAM, EAFNOSUPPORT},
                          Row{AF_BLUETOOTH, SOCK_RAW, EAFNOSUPPORT},
                          Row{AF_PACKET, SOCK_RAW, EAFNOSUPPORT}}) {
    const auto make = [&row] { return ::socket(row.family, row.type, 0) >= 0; };
    EXPECT_EQ(outcome_of(Emptying::governed, make), row.outcome) << row.family;
  }
  std::array<int, 2> ends{};
  const auto pair = [&ends] { return ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0; };
  EXPECT_EQ(outcome_of(Emptying::governed, pair), 0);
}

}  // namespace
}  // namespace aivault::sandbox
