#include "daemon/readiness.h"

#include <unistd.h>

#include <string>

namespace aivault::daemon {

void Readiness::tell_error(std::string_view text) { tell("ERROR " + std::string(text)); }

void Readiness::tell(std::string_view line) {
  if (!pipe_) return;
  // Nobody may be reading any more; that is no reason not to serve.
  const std::string text = std::string(line) + "\n";
  if (::write(pipe_.get(), text.data(), text.size()) < 0) {
  }
  pipe_.reset();
}

}  // namespace aivault::daemon
