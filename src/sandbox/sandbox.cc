#include "sandbox/sandbox.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/system_calls.h"

namespace aivault::sandbox {
namespace {

// Before the first rule: afterwards the filter itself forbids to ask.
bool has_seccomp() {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

struct Found {
  int abi = 0;
  bool seccomp = false;
};
const Found& found() {
  static const Found at_start{landlock_abi(), has_seccomp()};
  return at_start;
}

}  // namespace

std::string_view name_of(State state) {
  switch (state) {
    case State::on: return "on";
    case State::off: return "off";
    case State::unavailable: break;
  }
  return "unavailable";
}

bool is_built_in() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return false;
#endif
#endif
  return true;
}

Result<void> enter(const Paths& paths, Files files) {
  const auto available = found();
  if (!is_built_in()) return {};
  if (files == Files::restricted && available.abi > 0) TRY(restrict_paths(paths));
  if (available.seccomp) TRY(restrict_system_calls());
  return {};
}

Report report() {
  const auto available = found();
  Report report{.landlock_abi = available.abi};
  report.landlock = available.abi > 0 ? State::off : State::unavailable;
  if (is_restricted()) report.landlock = State::on;
  report.seccomp = available.seccomp ? State::off : State::unavailable;
  if (are_system_calls_restricted()) report.seccomp = State::on;
  return report;
}

}  // namespace aivault::sandbox
