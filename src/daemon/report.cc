#include "daemon/report.h"

#include <string_view>

#include "base/guarded_blocks.h"
#include "platform/hardening.h"
#include "sandbox/sandbox.h"

namespace aivault::daemon {
namespace {

std::string_view name_of(Supervisor supervisor) {
  switch (supervisor) {
    case Supervisor::systemd: return "systemd";
    case Supervisor::autostart: return "autostart";
    case Supervisor::stdio: return "stdio";
    case Supervisor::none: break;
  }
  return "none";
}

std::string_view name_of(platform::Swap swap) {
  switch (swap) {
    case platform::Swap::none: return "none";
    case platform::Swap::possible: return "possible";
    case platform::Swap::unknown: break;
  }
  return "unknown";
}

std::string_view secret_memory(bool is_locked) {
  if (guarded::is_secret_memory()) return "memfd_secret";
  return is_locked ? "mlock" : "plain";
}

// A build with sanitizers has no sandbox.
std::string_view sandbox_mode(bool enforced) {
  if (!enforced) return "off";
  return sandbox::is_built_in() ? "enforce" : "unavailable";
}

}  // namespace

json::Value hardening_report(Supervisor supervisor, bool enforced) {
  const auto state = platform::read_hardening();
  const auto sandbox = sandbox::report();
  return json::Value::object(
      {{"coreDumps", state.core_dumps ? "on" : "off"},
       {"dumpable", state.dumpable},
       {"landlock",
        json::Value::object({{"abi", sandbox.landlock_abi}, {"state", name_of(sandbox.landlock)}})},
       {"memoryLocked", state.memory_locked},
       {"noNewPrivs", state.no_new_privileges},
       {"sandboxMode", sandbox_mode(enforced)},
       {"seccomp", name_of(sandbox.seccomp)},
       {"secretMemory", secret_memory(state.memory_locked)},
       {"supervisor", name_of(supervisor)},
       {"swap", name_of(state.swap)}});
}

}  // namespace aivault::daemon
