// Foreground: a program of somebody else's that runs in our place, with our terminal, process group
// and descriptors, and ends when we die.
// Thread: the one that starts it, which must outlive it; the only one of the process if there is
// something to prepare. Errors: NotStarted.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace aivault::platform {

struct NotStarted {
  int error;  // errno of what failed.
};

class Foreground {
 public:
  // `words[0]` is looked for in the PATH of `environment` unless it holds a '/'. `prepare` runs in
  // the process that becomes the program; false: it becomes nothing (ECANCELED). Such a program
  // inherits the three standard streams and nothing else.
  using Prepare = std::function<bool()>;
  static tl::expected<Foreground, NotStarted> start(std::vector<std::string> words,
                                                    std::vector<std::string> environment,
                                                    const Prepare& prepare = {});
  // Its exit status (128 + N for signal N). Signals that others send to us go to it meanwhile;
  // those of the terminal reach it by themselves.
  int wait();

 private:
  explicit Foreground(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace aivault::platform
