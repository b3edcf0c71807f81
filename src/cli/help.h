// Help: the text of --help on every level, and the Usage line of an error. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace aivault::cli {

std::string program_help();
std::string group_help(std::string_view group);
std::string command_help(const Command& command);

std::string program_usage();                      // "aivault COMMAND ..."
std::string group_usage(std::string_view group);  // "aivault secrets SUBCOMMAND ..."
std::string command_usage(const Command& command);

}  // namespace aivault::cli
