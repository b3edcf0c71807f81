#include "platform/peer.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "platform/descriptor.h"
#include "platform/os_error.h"
#include "platform/users.h"

namespace aivault::platform {
namespace {

std::optional<std::string> read_small(int directory, const char* name) {
  const Descriptor file(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, 8192> buffer{};
  const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
  if (got <= 0) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(got));
}

std::string exe_of(int process) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t length = ::readlinkat(process, "exe", buffer.data(), buffer.size());
  if (length > 0) return {buffer.data(), static_cast<std::size_t>(length)};
  const auto name = read_small(process, "comm");
  if (!name) return {};
  return "[" + std::string(trim(*name)) + "]";
}

// The last component that systemd named, of the unified hierarchy ("0::/a/b") or any other.
std::string unit_of(int process) {
  const auto cgroups = read_small(process, "cgroup");
  if (!cgroups) return {};
  std::string unit;
  for (const auto line : split(*cgroups, '\n')) {
    for (const auto part : split(line, '/')) {
      if (part.ends_with(".service") || part.ends_with(".scope")) unit = part;
    }
    if (line.starts_with("0::")) break;
  }
  return unit;
}

}  // namespace

Result<Peer> peer_of(int connected_socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(connected_socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
      size != sizeof credentials) {
    return vault_unavailable("internal",
                             std::string("cannot read peer credentials: ") + os_text(errno));
  }
  // A socket that is not of the unix family has no peer credentials: uid -1, pid 0.
  if (credentials.uid == static_cast<uid_t>(-1)) {
    return vault_unavailable("internal", "cannot read peer credentials: not a unix socket");
  }
  return Peer{credentials.uid, credentials.gid, credentials.pid};
}

ProcessNotes notes_of(std::int64_t pid) {
  if (pid <= 0) return {};
  const std::string path = "/proc/" + std::to_string(pid);
  // A directory of /proc stays with its process: reads fail once that is gone, even if the number
  // has been given to another one.
  const Descriptor process(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!process) return {};
  ProcessNotes notes{exe_of(process.get()), unit_of(process.get())};
  if (!read_small(process.get(), "stat")) return {};
  return notes;
}

std::string user_name(std::int64_t uid) {
  auto user = user_of(uid);
  return user ? std::move(user->name) : std::string();
}

}  // namespace aivault::platform
