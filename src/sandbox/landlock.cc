#include "sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "platform/descriptor.h"
#include "platform/os_error.h"

namespace aivault::sandbox {
namespace {

// Of kernels newer than the headers of Debian 12; what a kernel does not know must be 0.
constexpr std::uint64_t kRefer = std::uint64_t{1} << 13U;        // ABI 2
constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14U;     // ABI 3
constexpr std::uint64_t kDeviceIoctl = std::uint64_t{1} << 15U;  // ABI 5
constexpr std::uint64_t kBindTcp = 1;                            // ABI 4
constexpr std::uint64_t kScopeAbstractSocket = 1;                // ABI 6
constexpr std::uint64_t kScopeSignal = 2;

struct Ruleset {
  std::uint64_t files = 0, network = 0, scoped = 0;
};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kFirst =
    kRead | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
// Neither programs nor devices, pipes or links are made by a daemon.
constexpr std::uint64_t kWrite = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_SOCK;
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_EXECUTE | kTruncate;

tl::unexpected<Error> os_error(std::string_view what) {
  return vault_unavailable("internal", std::string(what) + ": " + platform::os_text(errno));
}

Ruleset ruleset_for(int abi, const Paths& paths) {
  constexpr int kAbiOfTruncate = 3;
  constexpr int kAbiOfTcp = 4;
  constexpr int kAbiOfDevices = 5;
  constexpr int kAbiOfScopes = 6;
  Ruleset set{.files = kFirst};
  if (abi >= 2) set.files |= kRefer;
  if (abi >= kAbiOfTruncate) set.files |= kTruncate;
  if (abi >= kAbiOfTcp) set.network = kBindTcp;
  if (abi >= kAbiOfDevices) set.files |= kDeviceIoctl;
  if (abi >= kAbiOfScopes) {
    set.scoped = kScopeSignal | (paths.keeps_abstract_sockets ? 0 : kScopeAbstractSocket);
  }
  return set;
}

std::size_t size_for(int abi) {
  constexpr int kAbiOfTcp = 4;
  constexpr int kAbiOfScopes = 6;
  if (abi >= kAbiOfScopes) return sizeof(Ruleset);
  return abi >= kAbiOfTcp ? 2 * sizeof(std::uint64_t) : sizeof(std::uint64_t);
}

Result<void> allow(int ruleset, const std::string& path, std::uint64_t access) {
  const platform::Descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat facts{};
  if (!place || ::fstat(place.get(), &facts) != 0) return {};
  if (!S_ISDIR(facts.st_mode)) access &= kOfFiles;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access;
  rule.parent_fd = place.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return os_error("cannot allow '" + path + "' in the sandbox");
  }
  return {};
}

// What a program needs of /dev; the rest are disks, memory and machines.
constexpr auto kDevices = std::to_array<const char*>({"/dev/null",
                                                      "/dev/zero",
                                                      "/dev/full",
                                                      "/dev/random",
                                                      "/dev/urandom",
                                                      "/dev/tty",
                                                      "/dev/ptmx",
                                                      "/dev/pts",
                                                      "/dev/shm"});

bool is_in(const std::string& place, const std::string& directory) {
  return place.starts_with(directory == "/" ? directory : directory + "/");
}

bool holds_any(const std::string& directory, const std::vector<std::string>& places) {
  return std::ranges::any_of(places,
                             [&](const std::string& place) { return is_in(place, directory); });
}

// A rule holds for all below: a directory on the way to a hidden place gets none, its entries do.
Result<void> allow_all_but(int ruleset,
                           const std::string& path,
                           const std::vector<std::string>& hidden,
                           std::uint64_t access) {
  if (std::ranges::find(hidden, path) != hidden.end()) return {};
  if (!holds_any(path, hidden)) return allow(ruleset, path, access);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    // The target of a link has a rule of its own.
    if (entry.is_symlink(error)) continue;
    TRY(allow_all_but(ruleset, entry.path().string(), hidden, access));
  }
  return {};
}

Ruleset program_ruleset(int abi) {
  constexpr int kAbiOfTruncate = 3;
  constexpr int kAbiOfScopes = 6;
  Ruleset set{.files = kFirst};
  if (abi >= 2) set.files |= kRefer;
  if (abi >= kAbiOfTruncate) set.files |= kTruncate;
  if (abi >= kAbiOfScopes) set.scoped = kScopeSignal | kScopeAbstractSocket;
  return set;
}

Result<void> allow_program_paths(int ruleset, const ProgramPaths& paths, std::uint64_t handled) {
  constexpr auto kUse = kRead | LANDLOCK_ACCESS_FS_EXECUTE;
  constexpr std::uint64_t kDeviceNodes =
      LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
  auto hidden = paths.hidden;
  hidden.emplace_back("/dev");
  // Names are no secret; what is hidden is covered as well.
  TRY(allow(ruleset, "/", LANDLOCK_ACCESS_FS_READ_DIR));
  TRY(allow_all_but(ruleset, "/", hidden, kUse));
  const auto write = handled & ~kDeviceNodes;
  for (const auto* device : kDevices) TRY(allow(ruleset, device, write));
  for (const auto& path : paths.writable) {
    if (!holds_any(path, paths.hidden)) TRY(allow(ruleset, path, write));
  }
  return {};
}

tl::unexpected<Error> cannot_enter() { return os_error("cannot enter the sandbox of files"); }

}  // namespace

int landlock_abi() {
  const auto abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

Result<void> restrict_paths(const Paths& paths) {
  const int abi = landlock_abi();
  const auto set = ruleset_for(abi, paths);
  const platform::Descriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &set, size_for(abi), 0)));
  if (!ruleset) return os_error("cannot make the sandbox of files");
  for (const auto& path : paths.readable) TRY(allow(ruleset.get(), path, kRead & set.files));
  const auto write = (kWrite | kRefer | kTruncate) & set.files;
  for (const auto& path : paths.writable) TRY(allow(ruleset.get(), path, write));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return cannot_enter();
  return {};
}

Result<void> restrict_program_paths(const ProgramPaths& paths) {
  const int abi = landlock_abi();
  const auto set = program_ruleset(abi);
  const platform::Descriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &set, size_for(abi), 0)));
  if (!ruleset) return os_error("cannot make the sandbox of files");
  TRY(allow_program_paths(ruleset.get(), paths, set.files));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return cannot_enter();
  return {};
}

bool is_restricted() {
  const platform::Descriptor root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return !root && errno == EACCES;
}

}  // namespace aivault::sandbox
