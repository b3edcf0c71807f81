#include "cli/setup_users.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/routes.h"
#include "platform/descriptor.h"
#include "platform/safe_directory.h"

namespace aivault::cli {
namespace {

constexpr mode_t kSocketDirectoryMode = 02750;
constexpr mode_t kPrivateMode = 0700;
constexpr mode_t kPermissions = 07777;

auto failed(std::string message) { return vault_unavailable("", std::move(message)); }
auto os_failure(std::string_view what, const std::string& path) {
  return failed(std::string(what) + " '" + path + "': " + std::strerror(errno));
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

struct Wanted {
  mode_t mode;
  std::int64_t uid, gid;
};

bool is_as_wanted(const struct stat& facts, const Wanted& wanted) {
  return (facts.st_mode & kPermissions) == wanted.mode && facts.st_uid == wanted.uid &&
         facts.st_gid == wanted.gid;
}

Result<void> judge(const struct stat& facts, const std::string& path, const Wanted& wanted) {
  if (!S_ISDIR(facts.st_mode)) return failed("'" + path + "' exists and is not a directory");
  if (facts.st_uid == 0 || facts.st_uid == wanted.uid) return {};
  return failed("'" + path + "' belongs to uid " + std::to_string(facts.st_uid));
}

// `parent` is open, so that nothing on the way can be exchanged any more.
Result<void> make_directory(int parent, const std::string& path, const Wanted& wanted) {
  const auto name = path.substr(path.rfind('/') + 1);
  if (::mkdirat(parent, name.c_str(), kPrivateMode) != 0 && errno != EEXIST) {
    return os_failure("cannot create", path);
  }
  const platform::Descriptor made(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts{};
  if (!made || ::fstat(made.get(), &facts) != 0) return os_failure("cannot open", path);
  TRY(judge(facts, path, wanted));
  const auto uid = static_cast<uid_t>(wanted.uid);
  const auto gid = static_cast<gid_t>(wanted.gid);
  if (::fchown(made.get(), uid, gid) != 0 || ::fchmod(made.get(), wanted.mode) != 0) {
    return os_failure("cannot give away", path);
  }
  return {};
}

}  // namespace

bool is_user_name(std::string_view name) {
  constexpr std::size_t kMaxName = 32;
  const auto may_follow = [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxName && is_letter(name.front()) &&
         std::ranges::all_of(name, may_follow);
}

Result<platform::User> find_setup_user(SetupRun& run, const std::string& name) {
  if (!is_user_name(name)) return failed("invalid user name");
  if (auto user = platform::user_named(name)) return *std::move(user);
  TRY(run.require(false, "user '" + name + "' does not exist"));
  return platform::User{.name = name, .home = "/home/" + name};
}

std::vector<std::string> powerful_groups_of(const platform::User& user) {
  std::vector<std::string> found;
  for (const auto* name : {"sudo", "wheel", "docker", "lxd", "disk", "shadow"}) {
    const auto group = platform::group_named(name);
    if (group && platform::is_member(*group, user)) found.emplace_back(name);
  }
  return found;
}

std::string as_run_path(std::string path) {
  return path.starts_with("/var/run/") ? path.substr(4) : path;
}

Result<void> ensure_socket_directory(SetupRun& run,
                                     const std::string& directory,
                                     const platform::User& daemon) {
  const auto group = platform::group_named(kGroup);
  const Wanted wanted{kSocketDirectoryMode, daemon.uid, group ? group->gid : -1};
  struct stat facts{};
  if (::lstat(directory.c_str(), &facts) == 0) {
    TRY(judge(facts, directory, wanted));
    if (is_as_wanted(facts, wanted)) return {};
  }
  const auto parent = directory_of(directory);
  if (!owner_of_directory(parent)) return failed("directory '" + parent + "' does not exist");
  const Words command = {
      "install", "-d", "-m", "2750", "-o", daemon.name, "-g", std::string(kGroup), directory};
  return run.step(command, [&]() -> Result<void> {
    if (!group) return failed("group '" + std::string(kGroup) + "' does not exist");
    TRY_ASSIGN(const auto open, platform::open_safe_directory(parent, kPrivateMode));
    return make_directory(open.get(), directory, wanted);
  });
}

std::string tmpfiles_for(const std::string& directory, const platform::User& daemon) {
  const std::string group(kGroup);
  auto lines = "d " + directory + " 2750 " + daemon.name + " " + group + " -\n";
  if (daemon.home == kSystemHome) {
    lines += "d " + daemon.home + " 0700 " + daemon.name + " " + group + " -\n";
  }
  return lines;
}

Result<void> ensure_private_directory(SetupRun& run, const platform::User& user) {
  const auto directory = user.home + "/.aivault";
  const Wanted wanted{kPrivateMode, user.uid, user.gid};
  struct stat facts{};
  if (::lstat(directory.c_str(), &facts) == 0) {
    TRY(judge(facts, directory, wanted));
    if (facts.st_uid == user.uid) return {};
  }
  const Words command = {"install", "-d", "-m", "0700", "-o", user.name, directory};
  return run.step(command, [&]() -> Result<void> {
    const platform::Descriptor home(
        ::open(user.home.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!home) return os_failure("cannot open", user.home);
    return make_directory(home.get(), directory, wanted);
  });
}

}  // namespace aivault::cli
