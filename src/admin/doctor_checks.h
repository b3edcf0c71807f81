// doctor_checks: the checks of `doctor` that concern the daemon's process, what it runs with, and
// who may call it.
// Thread: any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "admin/desk.h"
#include "base/time.h"
#include "catalog/access.h"
#include "catalog/credential.h"
#include "vault/rows.h"
#include "vault/vault.h"

namespace aivault::admin {

// From what the kernel says of the process: dumpable, core-dumps, memory-lock, swap, no-new-privs,
// seccomp, landlock, sandbox-mode, listener. Empty for a private child, which is gone in a moment.
std::vector<vault::Vault::Check> checks_of_process(const DaemonFacts& facts);

// config, dev-overrides, trust-store: what the daemon runs with.
std::vector<vault::Vault::Check> checks_of_surroundings(const DaemonFacts& facts);
// dns: whether a host that calls go to can be found; one look-up, in bounded time.
vault::Vault::Check check_dns(const DaemonFacts& facts,
                              const std::vector<catalog::Credential>& credentials);

// The uid of that name now; nullopt: there is no such user.
using UidOfUser = std::function<std::optional<std::int64_t>(std::string_view name)>;

// agents, default-access.
std::vector<vault::Vault::Check> checks_of_access(const catalog::Access& access,
                                                  const std::vector<vault::Problem>& problems,
                                                  UnixMs now,
                                                  const UidOfUser& uid_of_user);

// What of callers that run as the daemon's own user, on whose account no other user is the
// boundary.
std::string isolation_text(const DaemonFacts& facts);

// isolation: whether programs that run as the daemon's own user have called since yesterday.
vault::Vault::Check check_isolation(const DaemonFacts& facts, bool has_own_callers);

}  // namespace aivault::admin
