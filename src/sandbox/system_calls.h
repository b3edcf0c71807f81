// SystemCalls: from restrict_system_calls() on, this thread and all that it starts make only the
// system calls of one table; any other fails with EPERM, one of another architecture ends the
// process.
// Thread: the main thread, before any other exists. Errors: vault_unavailable internal.
// Source: seccomp(2), seccomp_rule_add(3).
#pragma once

#include "base/result.h"

namespace aivault::sandbox {

Result<void> restrict_system_calls();

// As the kernel has it in /proc/self/status.
bool are_system_calls_restricted();

}  // namespace aivault::sandbox
