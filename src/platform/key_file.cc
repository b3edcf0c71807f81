#include "platform/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace aivault::platform {
namespace {

tl::unexpected<Error> unavailable(const std::string& path, const std::string& what) {
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: file '" + path + "': " + what);
}
std::string reason_of(int error) { return std::system_category().message(error); }

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

}  // namespace

Result<std::optional<Descriptor>> open_key_file(const std::string& path, unsigned owner) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno == ENOENT) return std::optional<Descriptor>();
    if (errno == ELOOP) {
      return unavailable(path, "it is a symbolic link; put the key file itself there");
    }
    return unavailable(path, reason_of(errno));
  }
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return unavailable(path, reason_of(errno));
  if (!S_ISREG(facts.st_mode)) return unavailable(path, "it is not a regular file");
  if (facts.st_nlink != 1) return unavailable(path, "it has more than one name");
  const bool of_vault = ::geteuid() == 0 && facts.st_uid == owner;
  if (facts.st_uid != ::geteuid() && facts.st_uid != 0 && !of_vault) {
    return unavailable(path, "it belongs to uid " + std::to_string(facts.st_uid));
  }
  if ((facts.st_mode & 077) != 0) {
    return unavailable(path, "others can use it; run chmod 600 '" + path + "'");
  }
  if (facts.st_size > static_cast<off_t>(kMaxKeyFileBytes)) {
    return unavailable(path, "it is too large to be a key");
  }
  const auto parent = parent_of(path);
  struct stat above{};
  if (::stat(parent.c_str(), &above) != 0) return unavailable(path, reason_of(errno));
  if ((above.st_mode & 022) != 0) {
    return unavailable(path, "others can write to its directory; run chmod go-w '" + parent + "'");
  }
  return std::optional(std::move(file));
}

Result<Descriptor> open_credential(const std::string& directory,
                                   const std::string& name,
                                   const std::string& source) {
  const auto refuse = [&](const std::string& what) {
    return vault_unavailable("key_unavailable",
                             "vault provider misconfigured: " + source + ": " + what);
  };
  if (!directory.starts_with('/')) return refuse("CREDENTIALS_DIRECTORY is not an absolute path");
  Descriptor file(
      ::open((directory + "/" + name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno == ENOENT) return refuse("it is not in '" + directory + "'; load it in the unit");
    if (errno == ELOOP) return refuse("it is a symbolic link");
    return refuse(reason_of(errno));
  }
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return refuse(reason_of(errno));
  if (!S_ISREG(facts.st_mode)) return refuse("it is not a regular file");
  if (facts.st_uid != ::geteuid() && facts.st_uid != 0) {
    return refuse("it belongs to uid " + std::to_string(facts.st_uid));
  }
  if ((facts.st_mode & 07) != 0) return refuse("others can use it");
  if (facts.st_size > static_cast<off_t>(kMaxKeyFileBytes)) {
    return refuse("it is too large to be a key");
  }
  return file;
}

Result<NewKeyFile> make_key_file(const std::string& path, unsigned owner) {
  const auto parent = parent_of(path);
  std::filesystem::path sofar;
  for (const auto& part : std::filesystem::path(parent)) {
    sofar /= part;
    if (::mkdir(sofar.c_str(), 0700) != 0 && errno != EEXIST && errno != EISDIR) {
      return unavailable(path, reason_of(errno));
    }
  }
  auto aside = path + ".tmp." + std::to_string(::getpid()) + ".key";
  ::unlink(aside.c_str());  // Ours, from an attempt that failed.
  Descriptor file(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return unavailable(path, reason_of(errno));
  if (::geteuid() == 0 && owner != 0 && ::fchown(file.get(), owner, static_cast<gid_t>(-1)) != 0) {
    const int error = errno;
    ::unlink(aside.c_str());
    return unavailable(path, reason_of(error));
  }
  return NewKeyFile{path, std::move(aside), std::move(file)};
}

tl::unexpected<Error> NewKeyFile::give_up(int error) {
  ::unlink(aside.c_str());
  return unavailable(path, "it cannot be written: " + reason_of(error));
}

Result<void> NewKeyFile::finish() {
  const auto parent = parent_of(path);
  const Descriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::fsync(descriptor.get()) != 0 || !directory ||
      ::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0 ||
      ::fsync(directory.get()) != 0) {
    return give_up(errno);
  }
  return {};
}

}  // namespace aivault::platform
