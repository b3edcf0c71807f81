#include "platform/hardening.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string_view>

namespace aivault::platform {
namespace {

// What hardening does cannot be undone: each test is a process of its own.
bool in_child(const std::function<bool()>& holds) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(holds() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string file_text(const char* path) {
  std::ostringstream all;
  all << std::ifstream(path, std::ios::binary).rdbuf();
  return all.str();
}

TEST(Hardening, LeavesNoCoreAndNoWayToLookInside) {
  EXPECT_TRUE(in_child([] {
    if (!forbid_inspection()) return false;
    const auto state = read_hardening();
    return !state.core_dumps && !state.dumpable;
  }));
}

TEST(Hardening, KeepsOneInheritedDescriptorThatNoProgramGets) {
  EXPECT_TRUE(in_child([] {
    const int kept = ::open("/dev/null", O_RDONLY);
    const int lower = ::fcntl(kept, F_DUPFD, 3);
    const int higher = ::fcntl(kept, F_DUPFD, 200);
    ::close(0);
    if (!settle_descriptors({kept})) return false;
    return ::fcntl(0, F_GETFD) >= 0 && ::fcntl(kept, F_GETFD) == FD_CLOEXEC &&
           ::fcntl(lower, F_GETFD) < 0 && ::fcntl(higher, F_GETFD) < 0;
  }));
}

TEST(Hardening, RefusesAReadinessDescriptorThatIsNotOpen) {
  EXPECT_TRUE(in_child([] { return !settle_descriptors({200}) && !settle_descriptors({1}); }));
}

TEST(Hardening, KnowsTheVariablesToRemove) {
  for (const char* name : {"LD_PRELOAD",
                           "GLIBC_TUNABLES",
                           "MALLOC_PERTURB_",
                           "GCONV_PATH",
                           "SSL_CERT_FILE",
                           "SSLKEYLOGFILE",
                           "OPENSSL_CONF",
                           "https_proxy",
                           "ALL_PROXY",
                           "HOSTALIASES",
                           "RES_OPTIONS",
                           "LOCALDOMAIN",
                           "AIVAULT_KEY"}) {
    EXPECT_TRUE(is_cleaned_variable(name)) << name;
  }
  for (const char* name : {"HOME", "PATH", "AIVAULT_DIR", "AIVAULT_KEYS", "LANG", "TZ"}) {
    EXPECT_FALSE(is_cleaned_variable(name)) << name;
  }
}

TEST(Hardening, OverwritesRemovedVariables) {
  EXPECT_TRUE(in_child([] {
    std::string entry = "AIVAULT_KEY=very-secret-key";
    // NOLINTBEGIN(concurrency-mt-unsafe): a process of one thread.
    ::putenv(entry.data());  // As at start: the environment is this very memory.
    ::setenv("AIVAULT_DIR", "/kept", 1);
    clean_environment();
    const char* kept = ::getenv("AIVAULT_DIR");
    return ::getenv("AIVAULT_KEY") == nullptr && entry.find("secret") == std::string::npos &&
           kept != nullptr && std::string_view(kept) == "/kept";
    // NOLINTEND(concurrency-mt-unsafe)
  }));
}

TEST(Hardening, GivesUpPrivilegesForGood) {
  EXPECT_TRUE(in_child([] {
    if (!drop_privileges(std::nullopt)) return false;
    return read_hardening().no_new_privileges &&
           file_text("/proc/self/status").find("CapEff:\t0000000000000000") != std::string::npos &&
           file_text("/proc/self/status").find("CapPrm:\t0000000000000000") != std::string::npos;
  }));
}

TEST(Hardening, MakesRootAnotherUserForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  EXPECT_TRUE(in_child([] {
    if (!drop_privileges(Identity{4711, 4712})) return false;
    const auto status = file_text("/proc/self/status");
    for (const auto* line : {"\nUid:\t4711\t4711\t4711\t4711\n",
                             "\nGid:\t4712\t4712\t4712\t4712\n",
                             "\nGroups:\t \n",
                             "\nCapEff:\t0000000000000000\n",
                             "\nCapPrm:\t0000000000000000\n"}) {
      if (status.find(line) == std::string::npos) return false;
    }
    return ::setuid(0) != 0 && ::seteuid(0) != 0 && ::open("/etc/shadow", O_RDONLY) < 0 &&
           !read_hardening().dumpable;
  }));
}

TEST(Hardening, NeedsNoPermissionToDropWhatIsNotHeld) {
  EXPECT_TRUE(in_child([] {
    if (!drop_privileges(::geteuid() == 0 ? std::optional(Identity{4711, 4712}) : std::nullopt))
      return false;
    // As the unit's SystemCallFilter: capset(2) belongs to systemd's group @privileged.
    std::array<sock_filter, 4> rules{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    sock_fprog program{rules.size(), rules.data()};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return false;
    return drop_privileges(std::nullopt).has_value();
  }));
}

TEST(Hardening, RaisesTheSoftLimits) {
  EXPECT_TRUE(in_child([] {
    rlimit low{64, 4096};
    if (::setrlimit(RLIMIT_NOFILE, &low) != 0) return true;  // A hard limit below that.
    return raise_limits() == 4096;
  }));
}

}  // namespace
}  // namespace aivault::platform
