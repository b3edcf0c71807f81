// doctor_machine: what doctor checks of a machine where agents under other users reach the daemon:
// the shared directory, its group, the entry for boot, the units. Nothing where there is none.
// Thread: any.
#pragma once

#include <string>
#include <vector>

#include "cli/routes.h"
#include "cli/socket_check.h"

namespace aivault::cli {

struct MachineCheck {
  std::string id;
  Finding finding;
};
std::vector<MachineCheck> check_shared_access(const Routes& routes);

}  // namespace aivault::cli
