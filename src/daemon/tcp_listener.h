// TcpListener: the loopback listener of a daemon, for programs that cannot speak to a unix socket.
// Thread: any. Errors: vault_unavailable internal, one sentence for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::daemon {

struct TcpPlace {
  std::uint16_t port = 0;  // 0: a free one.
  bool is_v6 = false;
  std::string text() const { return (is_v6 ? "[::1]:" : "127.0.0.1:") + std::to_string(port); }
};

struct TcpListening {
  platform::Descriptor socket;
  TcpPlace place;  // With the port that it has.
};

// "127.0.0.1:8787", "localhost:8787", "[::1]:8787".
Result<TcpPlace> parse_tcp_place(std::string_view text);
Result<TcpListening> listen_on(const TcpPlace& place);
// Of a TCP socket; nullopt: it is none of the loopback.
std::optional<TcpPlace> tcp_place_of(int socket);
// No packet of an answer leaves this machine.
bool keep_on_this_machine(int socket, const TcpPlace& place);

}  // namespace aivault::daemon
