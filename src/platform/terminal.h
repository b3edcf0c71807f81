// Terminal: what may be written to one, and how a secret is read from one.
// Thread: one at a time (prompt_hidden installs signal handlers while it waits).
// Errors: invalid_request no_terminal.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace aivault::platform {

bool is_terminal(int descriptor);

// Writes `prompt`, made harmless, to the controlling terminal and reads one line with echo off; the
// line comes without its newline. The terminal is restored also when a signal ends the wait.
Result<Secret> prompt_hidden(std::string_view prompt);

// Makes text from outside harmless: C0 bytes except tab and newline, DEL, C1 and stray bytes of
// that range become \xNN, bidirectional overrides \u{NNNN}. Keeps a sequence that is cut at the
// end of one piece for the next.
class TerminalEscaper {
 public:
  std::string feed(std::string_view piece);
  std::string finish();

 private:
  std::string pending_;
};

std::string escape_for_terminal(std::string_view text);

}  // namespace aivault::platform
