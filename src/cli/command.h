// Command: one command of aivault as data: its words, its flags, and the function that runs it.
// The parser, the help, the completion scripts and the tests all read the same table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aivault::cli {

class Arguments;
class Session;

enum class ValueKind : std::uint8_t {
  boolean,
  text,
  secret,    // Text that other users shall not see: taken out of the argument memory.
  path,      // Not empty.
  integer,   // Any 64-bit integer.
  number,    // From `minimum`.
  duration,  // "30s", "15m", "12h", "7d"; a bare integer is seconds.
  moment,    // RFC 3339, Unix milliseconds, or a duration counted from now.
  moment_or_never,
  choice,
};
enum class Need : std::uint8_t { optional, required, repeatable };

struct Flag {
  std::string_view name;  // Without the dashes.
  ValueKind kind = ValueKind::boolean;
  std::string_view value;  // What stands for the value in help: "PATH".
  std::string_view help;
  Need need = Need::optional;
  std::span<const std::string_view> choices = {};
  std::int64_t minimum = 0;
};

// The exit status of the command, or why it failed.
using Handler = Result<int> (*)(Session&, const Arguments&);

enum class Verbose : std::uint8_t { accepted, unknown };  // -v, --verbose, --json

struct Command {
  std::string_view words;  // "secrets create"
  std::string_view summary;
  Handler run = nullptr;
  std::span<const Flag> flags = {};
  std::span<const Flag> shared_flags = {};  // A set that several commands have.
  // "ID"; "[TEXT]" may be left out; "-- CMD [ARG...]" is a program to run; empty: none.
  std::string_view positional = {};
  std::string_view rest = {};  // "[PATTERN...]": any number of further words.
  std::span<const std::string_view> positional_choices = {};  // Empty: any text.
  Verbose verbose = Verbose::accepted;
  std::vector<std::string_view> aliases = {};  // Other spellings of the last word.
  std::string_view about = {};         // What it does to the vault; lines of at most 90 columns.
  std::string_view irreversible = {};  // What cannot be undone; empty: nothing.
  std::string_view examples = {};      // One a line.
};

struct Group {
  std::string_view word;
  std::string_view summary;
};

const std::vector<Command>& commands();
std::span<const Group> groups();
// nullptr: no command of these words. `word` may be an alias of the last one.
const Command* find_command(std::string_view group, std::string_view word);

// Does a program follow "--"?
inline bool runs_program(const Command& command) { return command.positional.starts_with("-- "); }
std::string_view last_word(const Command& command);
std::string_view group_word(const Command& command);  // Empty: a top-level command.

}  // namespace aivault::cli
