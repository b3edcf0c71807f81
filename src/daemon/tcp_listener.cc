#include "daemon/tcp_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "platform/os_error.h"

namespace aivault::daemon {

Result<TcpPlace> parse_tcp_place(std::string_view text) {
  text = trim(text);
  const auto colon = text.rfind(':');
  const auto host = text.substr(0, colon);
  if (colon == std::string_view::npos || (host != "127.0.0.1" && host != "localhost")) {
    return vault_unavailable("internal",
                             "--listen accepts loopback addresses only, such as 127.0.0.1:8787");
  }
  const auto digits = text.substr(colon + 1);
  TcpPlace place;
  const auto [end, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), place.port);
  if (problem != std::errc() || end != digits.data() + digits.size() || place.port == 0) {
    return vault_unavailable("internal",
                             "--listen needs a port from 1 to 65535, such as 127.0.0.1:8787");
  }
  return place;
}

Result<platform::Descriptor> listen_on(const TcpPlace& place) {
  constexpr int kBacklog = 128;
  platform::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(place.port);
  const int on = 1;
  const int ttl = 1;  // No packet of ours leaves this machine.
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(socket.get(), IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return vault_unavailable("internal",
                             "cannot listen on " + place.text() + ": " + platform::os_text(errno));
  }
  return socket;
}

}  // namespace aivault::daemon
