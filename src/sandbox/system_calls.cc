#include "sandbox/system_calls.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <span>
#include <string>

#include "platform/os_error.h"

namespace aivault::sandbox {
namespace {

struct Group {
  const char* why;
  std::span<const char* const> calls;
};

constexpr auto kMemory = std::to_array<const char*>(
    {"brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "mincore", "membarrier"});
constexpr auto kFiles = std::to_array<const char*>(
    {"openat",    "openat2",        "open",      "close",      "close_range", "read",
     "write",     "readv",          "writev",    "pread64",    "pwrite64",    "preadv",
     "pwritev",   "preadv2",        "pwritev2",  "lseek",      "fstat",       "stat",
     "lstat",     "newfstatat",     "statx",     "statfs",     "fstatfs",     "access",
     "faccessat", "faccessat2",     "readlink",  "readlinkat", "getdents64",  "mkdir",
     "mkdirat",   "unlink",         "unlinkat",  "rmdir",      "rename",      "renameat",
     "renameat2", "fsync",          "fdatasync", "ftruncate",  "fallocate",   "fadvise64",
     "flock",     "fcntl",          "dup",       "dup2",       "dup3",        "pipe2",
     "fchmod",    "fchmodat",       "umask",     "getcwd",     "sendfile",    "copy_file_range",
     "utimensat", "sync_file_range"});
// Every listener is there before the filter: bind and listen are not needed any more.
constexpr auto kSockets = std::to_array<const char*>(
    {"connect",    "accept",      "accept4",   "getsockname",  "getpeername",   "getsockopt",
     "setsockopt", "sendto",      "sendmsg",   "sendmmsg",     "recvfrom",      "recvmsg",
     "recvmmsg",   "shutdown",    "poll",      "ppoll",        "select",        "pselect6",
     "epoll_wait", "epoll_pwait", "epoll_ctl", "epoll_pwait2", "epoll_create1", "eventfd2"});
constexpr auto kTime = std::to_array<const char*>({"clock_gettime",
                                                   "clock_getres",
                                                   "clock_nanosleep",
                                                   "nanosleep",
                                                   "gettimeofday",
                                                   "time",
                                                   "times",
                                                   "timerfd_create",
                                                   "timerfd_settime",
                                                   "timerfd_gettime"});
constexpr auto kThreads = std::to_array<const char*>({"futex",
                                                      "set_robust_list",
                                                      "get_robust_list",
                                                      "set_tid_address",
                                                      "rseq",
                                                      "sched_yield",
                                                      "sched_getaffinity",
                                                      "sched_getparam",
                                                      "sched_getscheduler",
                                                      "setpriority",
                                                      "gettid",
                                                      "getpid",
                                                      "getppid",
                                                      "exit",
                                                      "exit_group",
                                                      "restart_syscall"});
constexpr auto kSignals = std::to_array<const char*>({"rt_sigaction",
                                                      "rt_sigprocmask",
                                                      "rt_sigreturn",
                                                      "rt_sigpending",
                                                      "rt_sigtimedwait",
                                                      "sigaltstack"});
constexpr auto kOneself = std::to_array<const char*>({"getuid",
                                                      "geteuid",
                                                      "getgid",
                                                      "getegid",
                                                      "getresuid",
                                                      "getresgid",
                                                      "getgroups",
                                                      "capget",
                                                      "getrusage",
                                                      "getrlimit",
                                                      "sysinfo",
                                                      "uname"});
constexpr auto kRandom = std::to_array<const char*>({"getrandom", "memfd_secret"});

constexpr auto kGroups = std::to_array<Group>({
    {"memory of one's own, none of it executable", kMemory},
    {"vault, audit, logs, trust store; Landlock says where", kFiles},
    {"callers, upstreams, name servers, the service manager", kSockets},
    {"deadlines and records", kTime},
    {"worker threads and their locks", kThreads},
    {"SIGTERM, SIGHUP and an orderly end", kSignals},
    {"what the report and the limits ask the kernel", kOneself},
    {"keys and nonces", kRandom},
});

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(::seccomp_init(otherwise)) {}
  ~Filter() {
    if (context_ != nullptr) ::seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  bool is_made() const { return context_ != nullptr; }
  // A call that this architecture does not have needs no rule.
  void allow(const char* name) { add(SCMP_ACT_ALLOW, name, {}); }
  void allow(const char* name, std::span<const scmp_arg_cmp> arguments) {
    add(SCMP_ACT_ALLOW, name, arguments);
  }
  void answer(const char* name, int error, std::span<const scmp_arg_cmp> arguments = {}) {
    add(SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), name, arguments);
  }
  Result<void> load() {
    ::seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    ::seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2);  // A tree instead of a list.
    const int failed = failed_ != 0 ? failed_ : ::seccomp_load(context_);
    if (failed == 0) return {};
    return vault_unavailable(
        "internal", std::string("cannot restrict system calls: ") + platform::os_text(-failed));
  }

 private:
  void add(std::uint32_t action, const char* name, std::span<const scmp_arg_cmp> arguments) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (number < 0) return;
    const int failed = ::seccomp_rule_add_array(
        context_, action, number, static_cast<unsigned>(arguments.size()), arguments.data());
    if (failed != 0) failed_ = failed;
  }

  scmp_filter_ctx context_;
  int failed_ = 0;
};

scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
scmp_arg_cmp equal(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}

// Memory is written or executed, never both; what is executed comes from a file and stays as it is.
void allow_memory(Filter& filter) {
  constexpr unsigned kProtection = 2;
  constexpr unsigned kFlags = 3;
  const std::array plain{masked(kProtection, PROT_EXEC, 0)};
  const std::array code{masked(kProtection, PROT_EXEC | PROT_WRITE, PROT_EXEC),
                        masked(kFlags, MAP_ANONYMOUS, 0)};
  filter.allow("mmap", plain);
  filter.allow("mmap", code);
  filter.allow("mprotect", plain);
}

void allow_sockets(Filter& filter) {
  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
    const std::array<scmp_arg_cmp, 1> only{equal(0, static_cast<std::uint64_t>(family))};
    filter.allow("socket", only);
  }
  const std::array<scmp_arg_cmp, 1> local{equal(0, AF_UNIX)};
  filter.allow("socketpair", local);
}

void allow_threads(Filter& filter) {
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
  const std::array<scmp_arg_cmp, 1> thread{masked(0, kThread, kThread)};
  filter.allow("clone", thread);
  // Its flags are out of a filter's sight; the C library then takes clone.
  filter.answer("clone3", ENOSYS);
  const std::array<scmp_arg_cmp, 1> self{equal(0, static_cast<std::uint64_t>(::getpid()))};
  filter.allow("tgkill", self);  // abort()
  // Signal 0 asks whether the owner of a left-over file still lives.
  const std::array<scmp_arg_cmp, 1> nothing{equal(1, 0)};
  filter.allow("kill", nothing);
  for (const std::uint64_t process : {std::uint64_t{0}, static_cast<std::uint64_t>(::getpid())}) {
    const std::array<scmp_arg_cmp, 1> own{equal(0, process)};
    filter.allow("prlimit64", own);
  }
}

void allow_by_argument(Filter& filter) {
  for (const int option : {PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_SET_NAME, PR_GET_NAME}) {
    const std::array<scmp_arg_cmp, 1> only{equal(0, static_cast<std::uint64_t>(option))};
    filter.allow("prctl", only);
  }
  for (const std::uint64_t request :
       {std::uint64_t{FIONBIO}, std::uint64_t{FIONREAD}, std::uint64_t{TCGETS}}) {
    const std::array<scmp_arg_cmp, 1> only{equal(1, request)};
    filter.allow("ioctl", only);
  }
}

void forbid_emptying(Filter& filter) {
  filter.answer("truncate", EACCES);
  const std::array flags_of_open{masked(1, O_ACCMODE | O_TRUNC, O_RDONLY | O_TRUNC)};
  const std::array flags_of_openat{masked(2, O_ACCMODE | O_TRUNC, O_RDONLY | O_TRUNC)};
  filter.answer("open", EACCES, flags_of_open);
  filter.answer("openat", EACCES, flags_of_openat);
  filter.answer("openat2", ENOSYS);  // Its flags are out of a filter's sight.
}

}  // namespace

Result<void> restrict_system_calls() {
  // An unlisted call fails, so that a library falls back or gives an error that has a name.
  Filter filter(SCMP_ACT_ERRNO(EPERM));
  if (!filter.is_made()) return vault_unavailable("internal", "cannot restrict system calls");
  for (const auto& group : kGroups) {
    for (const auto* call : group.calls) filter.allow(call);
  }
  allow_memory(filter);
  allow_sockets(filter);
  allow_threads(filter);
  allow_by_argument(filter);
  return filter.load();
}

Result<void> restrict_program_calls(Emptying emptying) {
  constexpr std::uint64_t kInt = 0xffffffff;  // The kernel looks at no more of these arguments.
  constexpr int kFamilies = 64;
  Filter filter(SCMP_ACT_ALLOW);
  if (!filter.is_made()) return vault_unavailable("internal", "cannot restrict system calls");
  // A socket in the file system or of a hypervisor knows no network namespace.
  for (int family = 0; family < kFamilies; ++family) {
    if (family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    const std::array only{masked(0, kInt, static_cast<std::uint64_t>(family))};
    filter.answer("socket", EAFNOSUPPORT, only);
  }
  // A ring makes sockets out of a filter's sight.
  filter.answer("io_uring_setup", ENOSYS);
  for (const auto* call : {"keyctl", "add_key", "request_key"}) filter.answer(call, EPERM);
  for (const std::uint64_t request : {std::uint64_t{TIOCSTI}, std::uint64_t{TIOCLINUX}}) {
    const std::array only{masked(1, kInt, request)};
    filter.answer("ioctl", EPERM, only);
  }
  if (emptying == Emptying::forbidden) forbid_emptying(filter);
  return filter.load();
}

bool are_system_calls_restricted() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("Seccomp:")) return line.ends_with('2');
  }
  return false;
}

}  // namespace aivault::sandbox
