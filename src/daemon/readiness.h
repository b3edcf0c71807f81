// Readiness: tells the process that started us, on the descriptor it named, that we serve or why
// not: "READY" or "ERROR <text>". Without such a descriptor it tells nobody.
// Thread: the main thread.
#pragma once

#include <string_view>

#include "platform/descriptor.h"

namespace aivault::daemon {

class Readiness {
 public:
  Readiness() = default;
  explicit Readiness(platform::Descriptor pipe) : pipe_(std::move(pipe)) {}

  bool is_awaited() const { return static_cast<bool>(pipe_); }
  void tell_ready() { tell("READY"); }
  void tell_error(std::string_view text);

 private:
  void tell(std::string_view line);  // Once: the descriptor is closed.

  platform::Descriptor pipe_;
};

}  // namespace aivault::daemon
