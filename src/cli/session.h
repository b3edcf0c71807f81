// Session: what one run of aivault knows about its surroundings: environment, streams, and the
// secrets that came as arguments.
// Thread: one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "cli/argument_memory.h"
#include "cli/style.h"
#include "json/value.h"
#include "json/write.h"
#include "platform/environment.h"

namespace aivault::cli {

class Session {
 public:
  explicit Session(platform::Environment environment);

  const platform::Environment& environment() const { return environment_; }
  bool stdout_is_terminal() const { return stdout_is_terminal_; }
  const Style& style() const { return style_; }  // Of stdout.

  // Somebody sits at a terminal who can be asked for a secret.
  bool can_ask() const { return stdin_is_terminal_; }

  // The values of secret flags, taken out of the argument memory before anything else was done.
  std::vector<ArgumentSecret> argument_secrets;
  bool has_argument_secret(std::string_view flag) const;
  // The last one of this flag; nullopt: none.
  std::optional<Secret> take_argument_secret(std::string_view flag);

  // Variables of this command's flags that a private child gets besides the vault's own: the key
  // of the provider `env` is there.
  std::vector<std::string> key_variables;

  // stdout, byte for byte. A reader that went away ends the program silently; any other failure
  // to write ends it with a message.
  void print(std::string_view bytes);
  void print_json(const json::Value& value, json::Order order = json::Order::as_built);
  bool stderr_is_terminal() const { return stderr_is_terminal_; }
  // stderr, as lines, harmless where that is a terminal.
  void notice(std::string_view text);
  void warning(std::string_view text);

 private:
  platform::Environment environment_;
  bool stdin_is_terminal_;
  bool stdout_is_terminal_;
  bool stderr_is_terminal_;
  Style style_;
};

}  // namespace aivault::cli
