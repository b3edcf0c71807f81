// Places: where the vault, its default key file and the sockets are (docs/files.md).
// Thread: any. Errors: vault_unavailable unsafe_path `no home directory; set AIVAULT_DIR`.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "platform/environment.h"

namespace aivault::platform {

struct Places {
  std::string vault_root;
  std::string default_key_file;
  std::string user_socket;
  std::string shared_socket;
  bool own_directory = false;  // AIVAULT_DIR is set.
};

Result<Places> find_places(const Environment& environment);
// $HOME if it is absolute and owned by the effective uid, else the password database's entry.
std::optional<std::string> home_directory(const Environment& environment);

}  // namespace aivault::platform
