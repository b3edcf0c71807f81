// Session: what one run of aivault knows about its surroundings: environment, streams, and the
// secret that came as an argument.
// Thread: one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
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

  // The value of --value, taken out of the argument memory before anything else was done.
  std::optional<Secret> argument_value;

  // stdout, byte for byte. A reader that went away ends the program silently; any other failure
  // to write ends it with a message.
  void print(std::string_view bytes);
  void print_json(const json::Value& value, json::Order order = json::Order::as_built);
  // stderr, as lines, harmless where that is a terminal.
  void notice(std::string_view text);
  void warning(std::string_view text);

 private:
  platform::Environment environment_;
  bool stdout_is_terminal_;
  bool stderr_is_terminal_;
  Style style_;
};

}  // namespace aivault::cli
