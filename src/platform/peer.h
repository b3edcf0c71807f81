// Peer: who is at the other end of a unix socket, as the kernel says; and what else /proc tells
// about that process, for the audit only.
// Thread: any. Errors: vault_unavailable internal.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace aivault::platform {

struct Peer {
  std::int64_t uid = -1, gid = -1, pid = 0;  // At the time of connect (SO_PEERCRED).
};
Result<Peer> peer_of(int connected_socket);

// exe: the link target where the kernel lets us read it, else the command name in brackets
// ("[python3]"); unit: last .service or .scope of the cgroup path. Empty when unknown. Kept only
// if the process is still the same one afterwards.
struct ProcessNotes {
  std::string exe, unit;
};
ProcessNotes notes_of(std::int64_t pid);
std::string user_name(std::int64_t uid);  // Empty when the uid has no entry.

}  // namespace aivault::platform
