// take_parent_socket: the connected unix socket that a private child is given as descriptor 0.
// Thread: the main thread at start. Errors: vault_unavailable internal.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::daemon {

struct ParentSocket {
  enum class Kind : std::uint8_t {
    connection,          // A stream: the one connection.
    passes_connections,  // Seqpacket: a connected stream socket with each message.
  };
  platform::Descriptor socket;
  Kind kind = Kind::connection;
};

// A unix socket of that type (SOCK_STREAM, ...) with somebody at its other end.
bool is_connected_unix_socket(int descriptor, int type);

// Afterwards descriptor 0 is /dev/null.
Result<ParentSocket> take_parent_socket();

}  // namespace aivault::daemon
