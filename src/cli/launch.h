// Launch: how aivault starts aivaultd, as a lasting daemon or as a private child.
// Thread: one. Errors: vault_unavailable internal `failed to start aivaultd: ...`, or
// kStartTimeout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "platform/descriptor.h"
#include "platform/environment.h"
#include "platform/spawn.h"

namespace aivault::cli {

constexpr std::string_view kStartTimeout = "client:start_timeout";

// The aivaultd beside the running aivault, else the one in PATH.
std::optional<std::string> find_daemon_program(const platform::Environment& environment);

// What the daemon gets to see of the caller's environment; paths are made absolute, because it
// runs in the root directory. The variable that the vault's header names for its key is among it,
// and `key_variables`, as far as they are no setting of other programs (LD_PRELOAD).
std::vector<std::string> daemon_environment(const platform::Environment& environment,
                                            const std::vector<std::string>& key_variables = {});

struct PrivateChild {
  platform::Descriptor socket;
  platform::Child process;
};
// What is written to its socket: requests, or connections on which requests are.
enum class Passes : std::uint8_t { requests, connections };
Result<PrivateChild> start_private_child(const platform::Environment& environment,
                                         const std::vector<std::string>& key_variables,
                                         Passes passes = Passes::requests);

enum class Lifetime : std::uint8_t { lasting, once };
enum class IdleExit : std::uint8_t { as_autostarted, as_configured };

// Returns when the daemon says that it serves `socket`, or that another one does already.
Result<platform::Child> start_daemon(const platform::Environment& environment,
                                     const std::string& socket,
                                     const std::vector<std::string>& further_arguments,
                                     Lifetime lifetime,
                                     IdleExit idle_exit);

}  // namespace aivault::cli
