// Hardening: what the daemon gives up before it parses a byte of a caller, and what the kernel says
// of it afterwards (docs/daemon.md).
// Thread: the main thread, before any other exists; read_hardening() any.
// Errors: vault_unavailable internal.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aivault::platform {

// First of all. Nobody of the same user can trace us or read our memory, and no core file is
// written. False: the process has been given privileges by its file and must end.
[[nodiscard]] bool forbid_inspection();

// Descriptors 0 to 2 are open, all others closed except those to keep, which no program inherits.
Result<void> settle_descriptors(std::vector<int> keep);

// Removes variables that redirect the loader, TLS trust, proxies, DNS or logging, and keys, and
// overwrites them where /proc shows them.
void clean_environment();
bool is_cleaned_variable(std::string_view name);

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
};
// Privileges can never be gained again; capabilities of root are dropped. With `become`, root is
// that user from then on, without supplementary groups, and the way back is closed.
Result<void> drop_privileges(const std::optional<Identity>& become);

// Raises the soft limits of descriptors (to 8,192 at most) and locked memory; returns the limit of
// descriptors that holds from now on.
std::size_t raise_limits();

enum class Swap : std::uint8_t { none, possible, unknown };
// Read back from the kernel, not remembered.
struct HardeningState {
  bool core_dumps = true, dumpable = true, no_new_privileges = false;
  bool memory_locked = false;  // As much as some dozens of open secrets need can be locked.
  Swap swap = Swap::unknown;
  bool user_namespace = false;  // Uids are not those of the machine.
};
HardeningState read_hardening();

}  // namespace aivault::platform
