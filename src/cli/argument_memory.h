// ArgumentMemory: takes a secret out of the program's arguments, where other users can read it.
// Thread: before any other is started.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"

namespace aivault::cli {

// The last value of --value before a "--", as `--value TEXT` or `--value=TEXT`; every such value
// is overwritten with the letter x in the argument memory. nullopt: there is none.
std::optional<Secret> take_argument_value(int count, char** arguments);

std::vector<std::string> words_of(int count, char** arguments);  // Without the program's name.

}  // namespace aivault::cli
