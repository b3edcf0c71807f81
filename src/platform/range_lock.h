// RangeLock: one file whose bytes are locked for its open file description; the kernel frees the
// locks of a process that dies.
// Thread: one at a time. Source: fcntl(2), "Open file description locks".
#pragma once

#include <cstdint>

#include "platform/descriptor.h"

namespace aivault::platform {

class RangeLock {
 public:
  enum class Hold : std::uint8_t { shared, exclusive };

  explicit RangeLock(Descriptor file) : file_(std::move(file)) {}

  bool try_lock(std::int64_t byte, Hold hold) const;  // Never waits.
  void unlock(std::int64_t byte) const;
  // Does any other description hold a lock on that byte?
  bool is_held_elsewhere(std::int64_t byte) const;

 private:
  Descriptor file_;
};

}  // namespace aivault::platform
