// TcpListener: the loopback listener of a daemon, for programs that cannot speak to a unix socket.
// Thread: any. Errors: vault_unavailable internal, one sentence for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::daemon {

struct TcpPlace {
  std::uint16_t port = 0;
  std::string text() const { return "127.0.0.1:" + std::to_string(port); }
};

// "127.0.0.1:8787", "localhost:8787".
Result<TcpPlace> parse_tcp_place(std::string_view text);
Result<platform::Descriptor> listen_on(const TcpPlace& place);

}  // namespace aivault::daemon
