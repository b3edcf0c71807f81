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

int socket_option(int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(STDIN_FILENO, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

bool is_connected() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  return ::getpeername(STDIN_FILENO, reinterpret_cast<sockaddr*>(&address), &size) == 0;
}

}  // namespace

Result<ParentSocket> take_parent_socket() {
  const int type = socket_option(SO_TYPE);
  if (socket_option(SO_DOMAIN) != AF_UNIX || (type != SOCK_STREAM && type != SOCK_SEQPACKET) ||
      !is_connected()) {
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
  return ParentSocket{std::move(parent),
                      type == SOCK_STREAM ? Kind::connection : Kind::passes_connections};
}

}  // namespace aivault::daemon
