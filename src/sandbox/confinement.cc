#include "sandbox/confinement.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "platform/os_error.h"
#include "sandbox/system_calls.h"

namespace aivault::sandbox {
namespace {

tl::unexpected<Error> cannot(std::string_view what) {
  return vault_unavailable("sandbox", std::string(what) + ": " + platform::os_text(errno));
}

Result<void> write_file(const char* path, const std::string& text) {
  const platform::Descriptor file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return cannot(std::string("cannot write ") + path);
  }
  return {};
}

// The same user and group inside as outside, and nobody else.
Result<void> enter_namespaces() {
  const auto uid = std::to_string(::geteuid());
  const auto gid = std::to_string(::getegid());
  // What this file system shows of an undumpable process belongs to root.
  ::prctl(PR_SET_DUMPABLE, 1);
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC) != 0) {
    return cannot("cannot make a user and a network namespace");
  }
  TRY(write_file("/proc/self/setgroups", "deny"));
  TRY(write_file("/proc/self/uid_map", uid + " " + uid + " 1"));
  return write_file("/proc/self/gid_map", gid + " " + gid + " 1");
}

Result<platform::Descriptor> listen_inside(std::uint16_t port) {
  platform::Descriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  constexpr int kWaiting = 64;
  if (!listening || ::ioctl(listening.get(), SIOCSIFFLAGS, &loopback) != 0 ||
      ::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listening.get(), kWaiting) != 0) {
    return cannot("cannot make 127.0.0.1 of the network namespace");
  }
  return listening;
}

// Landlock lets everybody change modes and ask for names: what is covered has neither.
Result<void> cover(const std::string& path) {
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0) return {};
  constexpr auto kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
  const int failed = S_ISDIR(facts.st_mode)
                         ? ::mount("none", path.c_str(), "tmpfs", kFlags, "size=4k,mode=0555")
                         : ::mount("/dev/null", path.c_str(), nullptr, MS_BIND, nullptr);
  if (failed != 0) return cannot("cannot hide '" + path + "'");
  return {};
}

Result<void> cover_all(const std::vector<std::string>& hidden) {
  std::array<char, PATH_MAX> directory{};
  if (::getcwd(directory.data(), directory.size()) == nullptr) {
    return cannot("cannot tell the working directory");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return cannot("cannot make a mount namespace");
  }
  for (const auto& path : hidden) TRY(cover(path));
  // Where we are, as it is seen from now on.
  if (::chdir(directory.data()) != 0) return cannot("the working directory is hidden");
  return {};
}

// Those of the new namespaces; for root also those that execve would give back.
Result<void> drop_capabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability) != 0) return cannot("cannot drop a capability");
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return cannot("cannot drop capabilities");
  return {};
}

}  // namespace

bool is_within(const std::string& place, const std::string& directory) {
  if (directory == "/") return true;
  return place.starts_with(directory) &&
         (place.size() == directory.size() || place[directory.size()] == '/');
}

Result<platform::Descriptor> confine(const Confinement& confinement) {
  if (landlock_abi() == 0) {
    return vault_unavailable("sandbox", "the kernel has no Landlock, or a container forbids it");
  }
  TRY(enter_namespaces());
  TRY_ASSIGN(auto listening, listen_inside(confinement.port));
  TRY(cover_all(confinement.paths.hidden));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return cannot("cannot give up new privileges");
  TRY(restrict_program_paths(confinement.paths));
  TRY(drop_capabilities());
  constexpr int kAbiOfTruncate = 3;
  const bool is_governed = landlock_abi() >= kAbiOfTruncate;
  TRY(restrict_program_calls(is_governed ? Emptying::governed : Emptying::forbidden));
  return listening;
}

}  // namespace aivault::sandbox
