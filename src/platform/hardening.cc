#include "platform/hardening.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/text.h"
#include "base/wipe.h"
#include "platform/descriptor.h"
#include "platform/os_error.h"

namespace aivault::platform {
namespace {

constexpr rlim_t kDescriptors = 8192;
// Bytes: about sixty secrets, each with its guard pages.
constexpr std::size_t kLockedMemory = std::size_t{256} << 10U;

constexpr std::array<std::string_view, 4> kCleanedPrefixes = {
    "LD_", "MALLOC_", "SSL_CERT_", "OPENSSL_"};
constexpr std::array<std::string_view, 7> kCleanedNames = {"GLIBC_TUNABLES",
                                                           "GCONV_PATH",
                                                           "SSLKEYLOGFILE",
                                                           "HOSTALIASES",
                                                           "RES_OPTIONS",
                                                           "LOCALDOMAIN",
                                                           "AIVAULT_KEY"};

tl::unexpected<Error> os_error(std::string_view what) {
  return vault_unavailable("internal", std::string(what) + ": " + os_text(errno));
}

std::string read_small(const char* path) {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  std::array<char, 8192> buffer{};
  const ssize_t got = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
}

// For kernels and containers without close_range.
void close_one_by_one(const std::vector<int>& keep) {
  std::vector<int> open;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const std::string name = entry.path().filename();
    int descriptor = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), descriptor).ec == std::errc()) {
      open.push_back(descriptor);
    }
  }
  for (const int descriptor : open) {
    if (descriptor > 2 && std::ranges::count(keep, descriptor) == 0) ::close(descriptor);
  }
}

int close_range(unsigned first, unsigned last) {
  if (first > last) return 0;
  return static_cast<int>(::syscall(SYS_close_range, first, last, 0U));
}

// `keep` is sorted.
void close_from_3(const std::vector<int>& keep) {
  unsigned first = 3;
  int failed = 0;
  for (const int kept : keep) {
    failed |= close_range(first, static_cast<unsigned>(kept) - 1);
    first = static_cast<unsigned>(kept) + 1;
  }
  failed |= close_range(first, ~0U);
  if (failed != 0) close_one_by_one(keep);
}

bool can_lock_memory() {
  void* memory =
      ::mmap(nullptr, kLockedMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  const bool locked = ::mlock(memory, kLockedMemory) == 0;
  ::munmap(memory, kLockedMemory);
  return locked;
}

// sysinfo(2), because a unit with ProcSubset=pid shows no /proc/swaps.
Swap read_swap() {
  struct sysinfo facts{};
  if (::sysinfo(&facts) != 0) return Swap::unknown;
  if (facts.totalswap == 0) return Swap::none;
  const std::string groups = read_small("/proc/self/cgroup");
  for (const auto line : split(groups, '\n')) {
    if (!line.starts_with("0::")) continue;
    const std::string limit = "/sys/fs/cgroup" + std::string(line.substr(3)) + "/memory.swap.max";
    if (trim(read_small(limit.c_str())) == "0") return Swap::none;
  }
  return Swap::possible;
}

bool in_user_namespace() {
  std::vector<std::string> words;
  const std::string map = read_small("/proc/self/uid_map");
  for (const auto word : split(map, ' ')) {
    if (!trim(word).empty()) words.emplace_back(trim(word));
  }
  return words != std::vector<std::string>{"0", "0", "4294967295"};
}

Result<void> change_identity(const Identity& wanted) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(wanted.gid, wanted.gid, wanted.gid) != 0 ||
      ::setresuid(wanted.uid, wanted.uid, wanted.uid) != 0) {
    return os_error("cannot become uid " + std::to_string(wanted.uid));
  }
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // Another uid resets it to what the system says.
  return {};
}

bool is_for_good(const Identity& wanted) {
  std::array<uid_t, 3> uids{};
  std::array<gid_t, 3> gids{};
  if (::getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
      ::getresgid(&gids[0], &gids[1], &gids[2]) != 0 || ::getgroups(0, nullptr) != 0) {
    return false;
  }
  const auto all = [](const auto& ids, auto id) {
    return std::ranges::count(ids, id) == std::ssize(ids);
  };
  return all(uids, wanted.uid) && all(gids, wanted.gid) && ::setuid(0) != 0 && ::setgid(0) != 0;
}

// A service manager that has given none may forbid capset(2) itself, as our unit's SystemCallFilter
// does.
Result<void> drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> held{};
  const bool is_known = ::syscall(SYS_capget, &header, held.data()) == 0;
  const auto is_empty = [](const __user_cap_data_struct& set) {
    return set.effective == 0 && set.permitted == 0 && set.inheritable == 0;
  };
  if (is_known && std::ranges::all_of(held, is_empty)) return {};
  const std::array<__user_cap_data_struct, 2> nothing{};
  if (::syscall(SYS_capset, &header, nothing.data()) != 0) {
    return os_error("cannot drop capabilities");
  }
  return {};
}

}  // namespace

bool forbid_inspection() {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  return ::getauxval(AT_SECURE) == 0;
}

Result<void> settle_descriptors(std::vector<int> keep) {
  for (int standard = 0; standard <= 2; ++standard) {
    if (::fcntl(standard, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR) != standard) return os_error("cannot open /dev/null");
  }
  std::ranges::sort(keep);
  for (const int kept : keep) {
    if (kept <= 2 || ::fcntl(kept, F_SETFD, FD_CLOEXEC) != 0) {
      return vault_unavailable("internal", "a descriptor that was to be passed on is not open");
    }
  }
  close_from_3(keep);
  return {};
}

bool is_cleaned_variable(std::string_view name) {
  const auto is_prefix = [&](std::string_view prefix) { return name.starts_with(prefix); };
  return std::ranges::any_of(kCleanedPrefixes, is_prefix) ||
         std::ranges::find(kCleanedNames, name) != kCleanedNames.end() ||
         to_lower(name).ends_with("_proxy");
}

void clean_environment() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    char* value = std::strchr(*entry, '=');
    if (value == nullptr) continue;
    const std::string_view name(*entry, static_cast<std::size_t>(value - *entry));
    if (!is_cleaned_variable(name)) continue;
    names.emplace_back(name);
    wipe(value + 1, std::strlen(value + 1));
  }
  for (const auto& name : names) {
    ::unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): there is no other thread yet.
  }
}

Result<void> drop_privileges(const std::optional<Identity>& become) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return os_error("cannot give up new privileges");
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (become) TRY(change_identity(*become));
  TRY(drop_capabilities());
  if (become && !is_for_good(*become)) {
    return vault_unavailable("internal", "the uid of root can be gained again");
  }
  return {};
}

std::size_t raise_limits() {
  rlimit memory{};
  if (::getrlimit(RLIMIT_MEMLOCK, &memory) == 0 && memory.rlim_cur != memory.rlim_max) {
    memory.rlim_cur = memory.rlim_max;
    ::setrlimit(RLIMIT_MEMLOCK, &memory);
  }
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return 256;
  const rlim_t wanted = std::min(descriptors.rlim_max, kDescriptors);
  if (descriptors.rlim_cur < wanted) {
    rlimit raised = descriptors;
    raised.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) descriptors = raised;
  }
  return static_cast<std::size_t>(std::min<rlim_t>(descriptors.rlim_cur, INT_MAX));
}

HardeningState read_hardening() {
  HardeningState state;
  rlimit core{};
  state.core_dumps = ::getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0;
  state.dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
  state.no_new_privileges = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  state.memory_locked = can_lock_memory();
  state.swap = read_swap();
  state.user_namespace = in_user_namespace();
  return state;
}

}  // namespace aivault::platform
