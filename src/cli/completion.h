// Completion: scripts for bash, zsh and fish, made from the command table. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aivault::cli {

// nullopt: no such shell.
std::optional<std::string> completion_script(std::string_view shell);

}  // namespace aivault::cli
