// SystemCalls: from a restriction on, this thread and all that it starts make only the system calls
// that a table allows; any other fails, one of another architecture ends the process.
// Thread: the main thread, before any other exists. Errors: vault_unavailable internal.
// Source: seccomp(2), seccomp_rule_add(3).
#pragma once

#include <cstdint>

#include "base/result.h"

namespace aivault::sandbox {

Result<void> restrict_system_calls();

// For a program of somebody else's: no way out of its network by sockets of other families, by
// rings or keyrings, and no words put into the terminal's input. Before ABI 3 Landlock does not
// govern what empties a file: then only opening it for writing does.
enum class Emptying : std::uint8_t { governed, forbidden };
Result<void> restrict_program_calls(Emptying emptying);

// As the kernel has it in /proc/self/status.
bool are_system_calls_restricted();

}  // namespace aivault::sandbox
