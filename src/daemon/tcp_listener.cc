#include "daemon/tcp_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "platform/os_error.h"

namespace aivault::daemon {
namespace {

// Of both families.
union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

Address address_of(const TcpPlace& place) {
  Address address{};
  if (place.is_v6) {
    address.v6 = {};
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_addr = in6addr_loopback;
    address.v6.sin6_port = htons(place.port);
  } else {
    address.v4 = {};
    address.v4.sin_family = AF_INET;
    address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.v4.sin_port = htons(place.port);
  }
  return address;
}

}  // namespace

Result<TcpPlace> parse_tcp_place(std::string_view text) {
  text = trim(text);
  const auto colon = text.rfind(':');
  const auto host = text.substr(0, colon);
  TcpPlace place;
  place.is_v6 = host == "[::1]";
  if (colon == std::string_view::npos ||
      (!place.is_v6 && host != "127.0.0.1" && host != "localhost")) {
    return vault_unavailable("internal",
                             "--listen accepts loopback addresses only, such as 127.0.0.1:8787");
  }
  const auto digits = text.substr(colon + 1);
  const auto [end, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), place.port);
  if (problem != std::errc() || end != digits.data() + digits.size()) {
    return vault_unavailable(
        "internal", "--listen needs a port from 0 (a free one) to 65535, such as 127.0.0.1:8787");
  }
  return place;
}

std::optional<TcpPlace> tcp_place_of(int socket) {
  Address address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, &address.any, &size) != 0) return std::nullopt;
  if (address.any.sa_family == AF_INET && address.v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
    return TcpPlace{.port = ntohs(address.v4.sin_port), .is_v6 = false};
  }
  if (address.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr)) {
    return TcpPlace{.port = ntohs(address.v6.sin6_port), .is_v6 = true};
  }
  return std::nullopt;
}

bool keep_on_this_machine(int socket, const TcpPlace& place) {
  const int one = 1;
  return place.is_v6 ? ::setsockopt(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &one, sizeof one) == 0
                     : ::setsockopt(socket, IPPROTO_IP, IP_TTL, &one, sizeof one) == 0;
}

Result<TcpListening> listen_on(const TcpPlace& place) {
  constexpr int kBacklog = 128;
  const int family = place.is_v6 ? AF_INET6 : AF_INET;
  platform::Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_of(place);
  const socklen_t size = place.is_v6 ? sizeof address.v6 : sizeof address.v4;
  const int on = 1;
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      !keep_on_this_machine(socket.get(), place) || ::bind(socket.get(), &address.any, size) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return vault_unavailable("internal",
                             "cannot listen on " + place.text() + ": " + platform::os_text(errno));
  }
  const auto taken = tcp_place_of(socket.get());
  if (!taken) return vault_unavailable("internal", "cannot listen on " + place.text());
  return TcpListening{std::move(socket), *taken};
}

}  // namespace aivault::daemon
