// ConfigFile: what the configuration files of the daemon say (docs/daemon.md): TOML, every key
// known, every value of its type and in its range. They hold no secret.
// Thread: the main thread at start. Errors: vault_unavailable internal, one line with file and line
// (`<file>:<line>: unknown key '<k>'`), or `unsafe configuration file '<file>'`.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "platform/environment.h"

namespace aivault::daemon {

struct Configuration {
  // Keys that have a variable, by its name, with what the variable would say.
  std::map<std::string, std::string, std::less<>> variables{};
  // Those that have none; unset: the default.
  std::optional<bool> shared{}, enforces_sandbox{}, requires_sandbox{};
  std::optional<std::chrono::milliseconds> drain_timeout{};
  std::optional<std::size_t> connections{}, connections_per_uid{}, calls{}, calls_per_identity{},
      memory{}, websocket_message{};
  std::optional<std::vector<std::string>> listen_origins{}, readable{}, writable{};
  std::vector<std::string> files{};   // That were read.
  std::vector<std::string> places{};  // Directories, or the file that was named, to be read again.

  // The variable, else what the files say instead of it.
  std::optional<std::string> text(const platform::Environment& environment,
                                  std::string_view variable) const;
  std::optional<std::string> path(const platform::Environment& environment,
                                  std::string_view variable) const;
  bool flag(const platform::Environment& environment, std::string_view variable) const;
};

// `only`: from --config; else /etc/aivault/aivaultd.toml, and after it the file of this user.
// Missing files are fine, but not the one that was named.
Result<Configuration> read_configuration(const platform::Environment& environment,
                                         const std::optional<std::string>& only);
// One more file's text; its keys come before those of earlier ones.
Result<void> parse_configuration(std::string_view text,
                                 const std::string& file,
                                 Configuration& into);

}  // namespace aivault::daemon
