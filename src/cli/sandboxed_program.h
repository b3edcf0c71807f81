// SandboxedProgram: a program of `aivault run --sandbox`: started in a confinement that leaves it
// the vault's calls and nothing else of the network, or not started at all. Thread: the only one.
// Errors: vault_unavailable sandbox. A program that cannot be run is no error of these.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/session.h"
#include "json/value.h"
#include "platform/descriptor.h"
#include "platform/foreground.h"
#include "sandbox/confinement.h"

namespace aivault::cli {

// In a network of its own every port is free.
constexpr std::uint16_t kSandboxPort = 8787;

// Hidden: the vault, its key file, homes of others. Writable: the working directory and those for
// temporary files. Error: the working directory is, or holds, a hidden place.
Result<sandbox::Confinement> confinement_for(const Session& session, const json::Value& whoami);

struct SandboxedProgram {
  tl::expected<platform::Foreground, platform::NotStarted> started;
  platform::Descriptor listening;  // On 127.0.0.1:kSandboxPort inside.
};
Result<SandboxedProgram> start_sandboxed(const std::vector<std::string>& program,
                                         std::vector<std::string> environment,
                                         const sandbox::Confinement& confinement);

}  // namespace aivault::cli
