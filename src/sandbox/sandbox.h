// Sandbox: the last two steps before a daemon listens to anybody: what it may reach (Landlock) and
// what it may ask the kernel (seccomp), in this order.
// Thread: the main thread, before any other exists. Errors: vault_unavailable internal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/landlock.h"

namespace aivault::sandbox {

// unavailable: the kernel or a container runtime has no such thing. off: a build with sanitizers,
// whose runtime needs more than the filter allows; or no file rules were asked for.
enum class State : std::uint8_t { on, off, unavailable };
std::string_view name_of(State state);

// False in builds with sanitizers.
bool is_built_in();

enum class Files : std::uint8_t { restricted, unrestricted };
// What the kernel lacks is left out; what it has and refuses is an error.
Result<void> enter(const Paths& paths, Files files);

// Read back from the kernel.
struct Report {
  State landlock = State::off, seccomp = State::off;
  int landlock_abi = 0;
};
Report report();

}  // namespace aivault::sandbox
