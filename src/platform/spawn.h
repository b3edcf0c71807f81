// spawn: starts another program of ours, detached from the caller's terminal and process group,
// with the given environment and no descriptors but the ones named here.
// Thread: any. Errors: vault_unavailable internal.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace aivault::platform {

enum class ErrorStream : std::uint8_t { discarded, inherited };

struct Program {
  std::string path;
  std::vector<std::string> arguments;    // Without the name of the program itself.
  std::vector<std::string> environment;  // "NAME=value"
  int input = -1;                        // Becomes descriptor 0; -1: /dev/null.
  int extra = -1;                        // Becomes kExtraDescriptor; -1: none.
  ErrorStream error_stream = ErrorStream::discarded;
};
constexpr int kExtraDescriptor = 3;

// A started program. Letting go of the object leaves the program running.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), status_(std::make_shared<std::optional<int>>()) {}
  pid_t pid() const { return pid_; }
  // Its exit status (128 + N for signal N); nullopt if it is still running at the end of `limit`.
  std::optional<int> wait(std::chrono::milliseconds limit);

 private:
  pid_t pid_;
  std::shared_ptr<std::optional<int>> status_;  // Of all copies: a program can be waited for once.
};

Result<Child> spawn(const Program& program);

}  // namespace aivault::platform
