// doctor_as: becomes another user of this machine and tries to get at what the vault protects. Each
// attempt that is refused is ok, each that succeeds a failure.
// Thread: one; forks. Errors: vault_unavailable `this command requires sudo/root`,
// `user 'X' does not exist`.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/doctor_machine.h"
#include "cli/session.h"

namespace aivault::cli {

Result<std::vector<MachineCheck>> try_as_user(Session& session, const std::string& name);

}  // namespace aivault::cli
