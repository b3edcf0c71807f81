#include "daemon/report.h"

#include <string_view>

#include "platform/hardening.h"

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

}  // namespace

json::Value hardening_report(Supervisor supervisor) {
  const auto state = platform::read_hardening();
  // System call filter and file system sandbox do not exist yet, and the report says so.
  return json::Value::object({{"coreDumps", state.core_dumps ? "on" : "off"},
                              {"dumpable", state.dumpable},
                              {"landlock", json::Value::object({{"abi", 0}, {"state", "off"}})},
                              {"memoryLocked", state.memory_locked},
                              {"noNewPrivs", state.no_new_privileges},
                              {"sandboxMode", "off"},
                              {"seccomp", "off"},
                              {"secretMemory", state.memory_locked ? "mlock" : "plain"},
                              {"supervisor", name_of(supervisor)},
                              {"swap", name_of(state.swap)}});
}

}  // namespace aivault::daemon
