// SocketCheck: whether a daemon could serve a socket's path, as doctor reports it; changes nothing.
// Thread: any.
#pragma once

#include <string>

namespace aivault::cli {

struct Finding {
  std::string status = "ok";  // ok, warn or fail.
  std::string detail;
  std::string hint;
};

// Its length, what is there, and every directory above it: of root or of the caller, and writable
// by nobody else.
Finding check_socket_path(const std::string& socket);

bool is_trusted_owner(unsigned uid);

}  // namespace aivault::cli
