#include "cli/style.h"

#include "platform/terminal.h"

namespace aivault::cli {

Style Style::of(const platform::Environment& environment, bool is_terminal) {
  Style style;
  style.escapes_ = is_terminal;
  const auto& variables = environment.all();
  const auto value = [&variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
  if (!value("NO_COLOR").empty()) return style;
  const bool forced = variables.contains("CLICOLOR_FORCE") && value("CLICOLOR_FORCE") != "0";
  style.colour_ = forced || (is_terminal && value("TERM") != "dumb");
  return style;
}

std::string Style::plain(std::string_view text) const {
  return escapes_ ? platform::escape_for_terminal(text) : std::string(text);
}

std::string Style::paint(std::string_view code, std::string_view text) const {
  if (!colour_) return plain(text);
  return "\x1b[" + std::string(code) + "m" + plain(text) + "\x1b[0m";
}

}  // namespace aivault::cli
