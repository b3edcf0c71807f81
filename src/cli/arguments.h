// Arguments: what one command was given, checked by the parser against the command's flags.
// Asking for a flag that the command does not have is a bug and throws std::logic_error.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace aivault::cli {

class Arguments {
 public:
  explicit Arguments(const Command& command) : command_(&command) {}
  const Command& command() const { return *command_; }

  bool has(std::string_view flag) const;
  std::optional<std::string> text(std::string_view flag) const;
  std::string text_or(std::string_view flag, std::string_view otherwise) const;
  const std::vector<std::string>& list(std::string_view flag) const;
  std::optional<std::int64_t> number(std::string_view flag) const;
  // -v, --verbose or --json: the result as JSON where people would get text.
  bool wants_json() const { return wants_json_; }
  const std::string& positional() const { return positional_; }
  // What stands behind "--" of a command that runs a program; not empty.
  const std::vector<std::string>& program() const { return program_; }

  const std::vector<std::string>& rest() const { return rest_; }

  void set(std::string_view flag, std::vector<std::string> values);
  void set_positional(std::string text) { positional_ = std::move(text); }
  void set_program(std::vector<std::string> words) { program_ = std::move(words); }
  void set_rest(std::vector<std::string> words) { rest_ = std::move(words); }
  void set_wants_json() { wants_json_ = true; }

 private:
  const std::vector<std::string>* values(std::string_view flag) const;

  const Command* command_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::string positional_;
  std::vector<std::string> program_;
  std::vector<std::string> rest_;
  bool wants_json_ = false;
};

}  // namespace aivault::cli
