// Arguments: the command line of aivaultd.
// Thread: any; pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace aivault::daemon {

struct Arguments {
  std::optional<std::string> socket;  // Not blank.
  std::optional<std::string> listen;  // Not blank.
  std::optional<std::string> config;  // Not blank.
  bool once = false, stdio = false, shared = false;
  bool tests_sandbox = false;  // --self-test sandbox
  bool checks_config = false;
  // Paths that the parent of a private child will name in its requests.
  std::vector<std::string> allow_read, allow_write;
};
struct ShowHelp {};
struct ShowVersion {};
struct UsageError {
  std::string what;
};
using Parsed = std::variant<Arguments, ShowHelp, ShowVersion, UsageError>;

Parsed parse_arguments(std::span<const std::string_view> words);  // Without the program's name.

extern const std::string_view kUsage, kHelp;

}  // namespace aivault::daemon
