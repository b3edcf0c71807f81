#include "platform/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "platform/os_error.h"
#include "platform/safe_directory.h"

namespace aivault::platform {
namespace {

constexpr int kBacklog = 1024;

tl::unexpected<Error> os_error(std::string_view what, const std::string& path) {
  return vault_unavailable("internal", std::string(what) + " '" + path + "': " + os_text(errno));
}

bool is_trusted(uid_t owner) { return owner == 0 || owner == ::geteuid(); }

// Binding by a name relative to the directory keeps to the directory that was checked.
int bind_in(int directory, int socket, const std::string& name) {
  const Descriptor before(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!before || ::fchdir(directory) != 0) return -1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(name, address.sun_path);
  const int bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  if (::fchdir(before.get()) != 0) return -1;
  errno = error;
  return bound;
}

}  // namespace

Result<SocketDirectory> SocketDirectory::open(const std::string& path, mode_t mode) {
  if (path.size() > kMaxSocketPath) {
    return invalid_request("record_invalid", "socket path too long: '" + path + "'");
  }
  const auto slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? "" : path.substr(slash + 1);
  if (!path.starts_with('/') || name.empty() || name == "." || name == ".." ||
      path.find_first_of(std::string_view("\n\0", 2)) != std::string::npos) {
    return invalid_request("record_invalid", "invalid socket path");
  }
  TRY_ASSIGN(auto directory, open_safe_directory(path.substr(0, slash), mode));
  return SocketDirectory(std::move(directory), path, name);
}

Descriptor SocketDirectory::reopen() const {
  return Descriptor(::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

AtPath SocketDirectory::look() const {
  struct stat status{};
  if (::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? AtPath::nothing : AtPath::something_else;
  }
  return S_ISSOCK(status.st_mode) && is_trusted(status.st_uid) ? AtPath::our_socket
                                                               : AtPath::something_else;
}

Result<std::optional<Descriptor>> SocketDirectory::try_lock() const {
  const std::string name = name_ + ".lock";
  const std::string shown = path_ + ".lock";
  Descriptor file(::openat(directory_.get(),
                           name.c_str(),
                           O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                           S_IRUSR | S_IWUSR));
  if (!file) return os_error("cannot open", shown);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || !is_trusted(status.st_uid)) {
    return vault_unavailable("unsafe_path", "'" + shown + "' exists and is not our lock file");
  }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return std::optional(std::move(file));
  if (errno != EWOULDBLOCK) return os_error("cannot lock", shown);
  return std::optional<Descriptor>();
}

Result<Descriptor> SocketDirectory::bind_aside(const std::string& aside, mode_t mode) const {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return os_error("cannot make socket", path_);
  ::unlinkat(directory_.get(), aside.c_str(), 0);  // Of a process that died with our number.
  const mode_t before = ::umask(~mode & 0777U);
  const int bound = bind_in(directory_.get(), socket.get(), aside);
  const int error = errno;
  ::umask(before);
  errno = error;
  if (bound != 0) return os_error("cannot bind", path_);
  return socket;
}

Result<Descriptor> SocketDirectory::listen(mode_t mode) {
  if (look() == AtPath::something_else) {
    return vault_unavailable("unsafe_path", "'" + path_ + "' exists and is not our socket");
  }
  const std::string aside = "." + name_ + "." + std::to_string(::getpid());
  if (aside.size() > kMaxSocketPath) {
    return invalid_request("record_invalid", "socket path too long: '" + path_ + "'");
  }
  TRY_ASSIGN(auto socket, bind_aside(aside, mode));
  struct stat made{};
  struct stat around{};
  const auto remove_and_fail = [&](std::string_view what) {
    auto error = os_error(what, path_);
    ::unlinkat(directory_.get(), aside.c_str(), 0);
    return error;
  };
  if (::fstatat(directory_.get(), aside.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fstat(directory_.get(), &around) != 0) {
    return remove_and_fail("cannot examine");
  }
  // Without setgid on the directory the group is our own: matters if the mode lets it in.
  if (made.st_gid != around.st_gid && (mode & S_IRWXG) != 0 &&
      ::fchownat(directory_.get(),
                 aside.c_str(),
                 static_cast<uid_t>(-1),
                 around.st_gid,
                 AT_SYMLINK_NOFOLLOW) != 0) {
    return remove_and_fail("cannot set the group of");
  }
  if (::listen(socket.get(), kBacklog) != 0) return remove_and_fail("cannot listen at");
  if (::renameat(directory_.get(), aside.c_str(), directory_.get(), name_.c_str()) != 0) {
    return remove_and_fail("cannot place");
  }
  inode_ = made.st_ino;
  return socket;
}

void SocketDirectory::unlink_ours() {
  struct stat status{};
  if (inode_ == 0 ||
      ::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISSOCK(status.st_mode) || status.st_ino != inode_) {
    return;
  }
  ::unlinkat(directory_.get(), name_.c_str(), 0);
}

}  // namespace aivault::platform
