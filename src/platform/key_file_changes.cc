#include "platform/key_file_changes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "platform/descriptor.h"
#include "platform/directory.h"

namespace aivault::platform {
namespace {

constexpr std::size_t kMaxListBytes = 262'144;
constexpr off_t kMaxOverwritten = 1 << 20;

tl::unexpected<Error> unavailable(const std::string& path, const std::string& what) {
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: file '" + path + "': " + what);
}
std::string reason_of(int error) { return std::system_category().message(error); }

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

Result<void> sync_parent(const std::string& path) {
  const Descriptor parent(::open(parent_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) return unavailable(path, reason_of(errno));
  return {};
}

Result<struct stat> judge(const std::string& path, const Descriptor& file, unsigned owner) {
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return unavailable(path, reason_of(errno));
  if (!S_ISREG(facts.st_mode)) return unavailable(path, "it is not a regular file");
  if (facts.st_nlink != 1) return unavailable(path, "it has more than one name");
  // Root follows the paths of a vault of somebody else: what is not theirs is not changed for them.
  if (facts.st_uid != owner) {
    return unavailable(path, "it belongs to uid " + std::to_string(facts.st_uid));
  }
  return facts;
}

bool overwrite(const Descriptor& file, off_t size) {
  constexpr std::array<char, 512> kZeros{};
  off_t at = 0;
  while (at < std::min(size, kMaxOverwritten)) {
    const auto part = static_cast<std::size_t>(std::min<off_t>(size - at, kZeros.size()));
    const auto put = ::pwrite(file.get(), kZeros.data(), part, at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += put;
  }
  return ::fsync(file.get()) == 0;
}

}  // namespace

Result<void> move_key_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return unavailable(from, reason_of(errno));
  return sync_parent(to);
}

Result<Destroyed> destroy_key_file(const std::string& path,
                                   unsigned owner,
                                   const std::function<bool(int descriptor)>& ours) {
  constexpr std::array kNeverOurs{EACCES, EPERM, ELOOP, EISDIR, ENOTDIR, ENXIO, ENODEV, ETXTBSY};
  const Descriptor file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno == ENOENT) return Destroyed::gone;
    if (std::ranges::find(kNeverOurs, errno) != kNeverOurs.end()) return Destroyed::left;
    return unavailable(path, reason_of(errno));
  }
  const auto facts = judge(path, file, owner);
  if (!facts || !ours(file.get())) return Destroyed::left;
  if (!overwrite(file, facts->st_size) || ::unlink(path.c_str()) != 0) {
    return unavailable(path, reason_of(errno));
  }
  TRY(sync_parent(path));
  return Destroyed::gone;
}

void destroy_half_made(const std::vector<std::string>& paths, unsigned owner) {
  const auto parent = parent_of(paths.front());
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(parent.c_str()), &::closedir);
  if (!stream) return;
  std::vector<std::string> found;
  while (const auto* entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe)
    const auto full = parent + "/" + static_cast<const char*>(entry->d_name);
    const auto pid = pid_of_temporary(full);
    const bool ours = std::ranges::any_of(
        paths, [&](const std::string& path) { return full.starts_with(path + ".tmp."); });
    if (!pid || !ours) continue;
    if (::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH) found.push_back(full);
  }
  const auto by_name = [](int) { return true; };
  for (const auto& path : found) (void)destroy_key_file(path, owner, by_name);
}

Result<void> append_line(const std::string& path, std::string_view line, unsigned owner) {
  constexpr int kHow = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  const Descriptor file(::open(path.c_str(), kHow, 0600));
  if (!file) return unavailable(path, reason_of(errno));
  TRY(judge(path, file, owner));
  const auto text = std::string(line) + "\n";  // One write: others may append too.
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(file.get()) != 0) {
    return unavailable(path, reason_of(errno));
  }
  return sync_parent(path);
}

Result<std::vector<std::string>> read_lines(const std::string& path, unsigned owner) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno == ENOENT) return std::vector<std::string>();
    return unavailable(path, reason_of(errno));
  }
  TRY_ASSIGN(const auto facts, judge(path, file, owner));
  if (facts.st_size > static_cast<off_t>(kMaxListBytes)) {
    return unavailable(path, "it is too large");
  }
  std::string text(static_cast<std::size_t>(facts.st_size), '\0');
  const auto got = ::pread(file.get(), text.data(), text.size(), 0);
  if (got < 0) return unavailable(path, reason_of(errno));
  text.resize(static_cast<std::size_t>(got));
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace aivault::platform
