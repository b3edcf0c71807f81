#include "platform/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/text.h"
#include "platform/file_system.h"

namespace aivault::platform {
namespace {

constexpr mode_t kWritableByOthers = 022;
constexpr mode_t kAnyForOthers = 077;

std::string reason_of(int error) { return std::system_category().message(error); }

tl::unexpected<Error> unsafe_directory(const std::string& path, const std::string& what) {
  return vault_unavailable("unsafe_path", "unsafe directory '" + path + "': " + what);
}
tl::unexpected<Error> unsafe_file(const std::string& path, const std::string& what) {
  return vault_unavailable("unsafe_path", "unsafe file '" + path + "': " + what);
}
tl::unexpected<Error> not_writable(const std::string& path, int error) {
  const auto reason = error == ENOENT || error == ENOTDIR ? "damaged" : "not_writable";
  return vault_unavailable(reason, "vault not writable: " + path + ": " + reason_of(error));
}

Result<void> make_all(const std::string& path) {
  const std::filesystem::path whole(path);
  std::filesystem::path sofar;
  for (const auto& part : whole) {
    const auto above = sofar;
    sofar /= part;
    if (::mkdir(sofar.c_str(), 0700) != 0) {
      if (errno == EEXIST || errno == EISDIR) continue;
      return not_writable(sofar.string(), errno);
    }
    const Descriptor parent(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent) ::fsync(parent.get());
  }
  return {};
}

// What root makes in another user's place is at that user's mercy.
Result<void> check_for_root(const std::string& path) {
  if (::geteuid() != 0) return {};
  std::filesystem::path sofar;
  for (const auto& part : std::filesystem::path(path)) {
    sofar /= part;
    // A link counts by its own owner too: who made it decides where it leads.
    for (const int follow : {0, AT_SYMLINK_NOFOLLOW}) {
      struct stat facts{};
      if (::fstatat(AT_FDCWD, sofar.c_str(), &facts, follow) != 0 || facts.st_uid == 0) continue;
      return vault_unavailable("unsafe_path",
                               "'" + sofar.string() + "' belongs to uid " +
                                   std::to_string(facts.st_uid) +
                                   "; create the vault as that user");
    }
  }
  return {};
}

// Root tightens no directory that somebody else can have put in a vault's place.
bool may_tighten(const std::string& path, int directory, uid_t owner) {
  if (::geteuid() != 0 || check_for_root(path)) return true;
  struct stat facts{};
  return ::fstatat(directory, "vault.db", &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(facts.st_mode) && facts.st_uid == owner;
}

bool write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const auto put = ::write(descriptor, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

// Names of temporary files have to differ, not to be secret.
std::string temporary_name(const std::string& name) {
  std::array<char, 8> random{};
  const Descriptor source(::open("/dev/urandom", O_RDONLY | O_CLOEXEC));
  if (!source || ::read(source.get(), random.data(), random.size()) < 0) random[0] = 1;
  std::string out = name + ".tmp." + std::to_string(::getpid()) + ".";
  for (const char c : random) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4U];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

}  // namespace

Result<Directory> Directory::open(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr),
                                                             &std::free);
  if (!resolved) return not_writable(path, errno);
  std::string real(resolved.get());
  Descriptor descriptor(::open(real.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!descriptor) return unsafe_directory(real, reason_of(errno));
  // First, because what such a file system says of owners and modes means nothing.
  if (const auto flaw = flaw_of_place(descriptor.get()); !flaw.empty()) {
    return unsafe_directory(real, "it is on " + std::string(flaw));
  }
  struct stat facts{};
  if (::fstat(descriptor.get(), &facts) != 0) return unsafe_directory(real, reason_of(errno));
  // Root too: a place that its owner can change is not one to work in with more rights.
  if (facts.st_uid != ::geteuid()) {
    return unsafe_directory(real, "it belongs to uid " + std::to_string(facts.st_uid));
  }
  if ((facts.st_mode & kWritableByOthers) != 0) {
    return unsafe_directory(real, "others can write to it; run chmod 700 '" + real + "'");
  }
  bool tightened = false;
  if ((facts.st_mode & kAnyForOthers) != 0) {
    const bool tighten = may_tighten(path, descriptor.get(), facts.st_uid);
    if (!tighten || ::fchmod(descriptor.get(), 0700) != 0) {
      return unsafe_directory(real, "others can read it; run chmod 700 '" + real + "'");
    }
    tightened = true;
  }
  return Directory(std::move(real), std::move(descriptor), facts.st_uid, tightened);
}

Result<Directory> Directory::open_or_make(const std::string& path) {
  TRY(check_for_root(path));
  TRY(make_all(path));
  TRY_ASSIGN(auto directory, open(path));
  TRY(check_for_root(directory.path()));  // What links on the way led to.
  return directory;
}

Result<std::optional<struct stat>> Directory::look(const std::string& name) const {
  struct stat facts{};
  if (::fstatat(descriptor_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::optional<struct stat>();
    return not_writable(path_ + "/" + name, errno);
  }
  TRY(judge(name, facts));
  return std::optional(facts);
}

Result<void> Directory::judge(const std::string& name, const struct stat& facts) const {
  const auto full = path_ + "/" + name;
  if (!S_ISREG(facts.st_mode)) return unsafe_file(full, "it is not a regular file");
  if (facts.st_nlink != 1) return unsafe_file(full, "it has more than one name");
  if (facts.st_uid != owner_) return unsafe_file(full, "it does not belong to the vault's owner");
  if ((facts.st_mode & kWritableByOthers) != 0) {
    return unsafe_file(full, "others can write to it; run chmod 600 '" + full + "'");
  }
  return {};
}

Result<Descriptor> Directory::open_existing(const std::string& name, int flags) const {
  Descriptor file(
      ::openat(descriptor_.get(), name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0) return not_writable(path_ + "/" + name, errno);
  // Root may be in a directory of somebody who changes it meanwhile.
  TRY(judge(name, facts));
  return file;
}

void Directory::tighten(const std::string& name) const {
  const auto looked = look(name);
  const auto facts = looked ? *looked : std::nullopt;
  if (!facts || (facts->st_mode & kAnyForOthers) == 0) return;
  if (const auto file = open_existing(name, O_RDONLY)) (void)!::fchmod(file->get(), 0600);
}

bool Directory::has(const std::string& name) const {
  struct stat facts{};
  return ::fstatat(descriptor_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<Descriptor> Directory::give_to_owner(Descriptor file) const {
  if (::geteuid() == 0 && owner_ != 0 &&
      ::fchown(file.get(), owner_, static_cast<gid_t>(-1)) != 0) {
    return not_writable(path_, errno);
  }
  return file;
}

Result<Descriptor> Directory::create(const std::string& name) const {
  Descriptor file(::openat(
      descriptor_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return not_writable(path_ + "/" + name, errno);
  return give_to_owner(std::move(file));
}

Result<Descriptor> Directory::open_or_create(const std::string& name) const {
  TRY_ASSIGN(const auto there, look(name));
  if (!there) {
    auto made = create(name);
    if (made || !has(name)) return made;  // Else another process made it meanwhile.
  }
  // On a read-only file system it can still be read, and locked with others.
  struct statvfs facts{};
  const bool frozen = ::fstatvfs(descriptor_.get(), &facts) == 0 && (facts.f_flag & ST_RDONLY) != 0;
  return open_existing(name, frozen ? O_RDONLY : O_RDWR);
}

Result<std::optional<std::string>> Directory::read(const std::string& name,
                                                   std::size_t limit) const {
  TRY_ASSIGN(const auto there, look(name));
  if (!there) return std::optional<std::string>();
  TRY_ASSIGN(const auto file, open_existing(name, O_RDONLY));
  std::string content(limit + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const auto got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unsafe_file(path_ + "/" + name, reason_of(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limit) return unsafe_file(path_ + "/" + name, "it is too large");
  content.resize(size);
  return std::optional(std::move(content));
}

Result<void> Directory::replace(const std::string& name, std::string_view content) const {
  const auto aside = temporary_name(name);
  TRY_ASSIGN(const auto file, create(aside));
  if (!write_all(file.get(), content) || ::fsync(file.get()) != 0) {
    const int error = errno;
    remove(aside);
    return not_writable(path_ + "/" + name, error);
  }
  return rename(aside, name);
}

Result<void> Directory::rename(const std::string& from, const std::string& to) const {
  if (::renameat(descriptor_.get(), from.c_str(), descriptor_.get(), to.c_str()) != 0) {
    const int error = errno;
    remove(from);
    return not_writable(path_ + "/" + to, error);
  }
  return sync();
}

void Directory::remove(const std::string& name) const {
  ::unlinkat(descriptor_.get(), name.c_str(), 0);
}

Result<void> Directory::sync() const {
  if (::fsync(descriptor_.get()) != 0) return not_writable(path_, errno);
  return {};
}

std::vector<std::string> Directory::names() const {
  std::vector<std::string> names;
  Descriptor again(::openat(descriptor_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(again.get()), &::closedir);
  if (!stream) return names;
  again.release();
  while (const auto* entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe)
    names.emplace_back(entry->d_name);
  }
  return names;
}

std::optional<std::int64_t> pid_of_temporary(std::string_view name) {
  const auto at = name.rfind(".tmp.");
  if (at == std::string_view::npos) return std::nullopt;
  const auto rest = name.substr(at + 5);
  std::int64_t pid = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), pid);
  if (error != std::errc{} || end == rest.data() + rest.size() || *end != '.') return std::nullopt;
  return pid;
}

}  // namespace aivault::platform
