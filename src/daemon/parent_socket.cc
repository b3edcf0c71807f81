#include "daemon/parent_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "platform/os_error.h"

namespace aivault::daemon {
namespace {

int socket_option(int descriptor, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

bool is_connected_unix_socket(int descriptor, int type) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return socket_option(descriptor, SO_DOMAIN) == AF_UNIX &&
         socket_option(descriptor, SO_TYPE) == type &&
         ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

Result<ParentSocket> take_parent_socket() {
  const bool is_stream = is_connected_unix_socket(STDIN_FILENO, SOCK_STREAM);
  if (!is_stream && !is_connected_unix_socket(STDIN_FILENO, SOCK_SEQPACKET)) {
    return vault_unavailable("internal", "--stdio needs a connected unix socket on descriptor 0");
  }
  platform::Descriptor parent(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  const platform::Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!parent || !nothing || ::dup2(nothing.get(), STDIN_FILENO) < 0) {
    return vault_unavailable(
        "internal",
        std::string("cannot take the socket of the parent: ") + platform::os_text(errno));
  }
  using Kind = ParentSocket::Kind;
  return ParentSocket{std::move(parent), is_stream ? Kind::connection : Kind::passes_connections};
}

}  // namespace aivault::daemon
