#include "platform/peer.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "platform/descriptor.h"
#include "platform/users.h"

namespace aivault::platform {
namespace {

TEST(Peer, IsWhoTheKernelSays) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Descriptor a(ends[0]);
  const Descriptor b(ends[1]);
  const auto peer = peer_of(a.get());
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_EQ(peer->gid, ::getegid());
  EXPECT_EQ(peer->pid, ::getpid());
}

TEST(Peer, IsAnErrorForWhatIsNoUnixSocket) {
  const Descriptor tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(tcp);
  EXPECT_FALSE(peer_of(tcp.get()).has_value());
  EXPECT_FALSE(peer_of(-1).has_value());
}

TEST(ProcessNotes, NameTheProgram) {
  EXPECT_EQ(notes_of(::getpid()).exe, std::filesystem::read_symlink("/proc/self/exe").string());
}

TEST(ProcessNotes, FallBackToTheCommandNameInBrackets) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::prctl(PR_SET_NAME, "short name", 0, 0, 0);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(notes_of(child).exe, "[short name]");  // A zombie has a name but no program.
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(notes_of(child).exe, "");
  EXPECT_EQ(notes_of(child).unit, "");
}

TEST(ProcessNotes, AreEmptyForNoProcess) {
  EXPECT_EQ(notes_of(0).exe, "");
  EXPECT_EQ(notes_of(-1).exe, "");
}

TEST(Users, AreFoundByUid) {
  EXPECT_EQ(user_name(0), "root");
  EXPECT_EQ(user_of(0)->home, "/root");
  EXPECT_EQ(user_name(4294967294), "");
  EXPECT_EQ(user_name(-1), "");
}

}  // namespace
}  // namespace aivault::platform
