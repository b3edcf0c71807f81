// parse: the words of a command line as a command with checked arguments, a request for help or
// version, or a usage error. Touches no file, vault or socket.
// Thread: any.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/arguments.h"

namespace aivault::cli {

struct ShowHelp {
  std::string text;
};
struct ShowVersion {};
// A group without its subcommand: help, but on stderr and with exit status 2.
struct SubcommandMissing {
  std::string help;
};
struct UsageError {
  std::string what;
  std::string usage;
};
using Parsed = std::variant<Arguments, ShowHelp, ShowVersion, SubcommandMissing, UsageError>;

Parsed parse(const std::vector<std::string>& words);  // Without the program's name.

}  // namespace aivault::cli
