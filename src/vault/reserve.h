// Reserve: a file that holds room on the disk, so that an operator can delete, revoke and rotate
// when nothing else can be written any more.
// Thread: one at a time; several processes share the file. Errors: not_writable.
#pragma once

#include "base/result.h"
#include "platform/directory.h"

namespace aivault::vault {

inline constexpr const char* kReserveName = "reserve";
inline constexpr off_t kReserveBytes = off_t{1} << 20U;

class Reserve {
 public:
  explicit Reserve(const platform::Directory& root) : root_(root) {}

  // Makes it if it is not there with all its room.
  Result<void> ensure() const;
  // True: it was there, and its room is free now.
  bool release() const;

 private:
  const platform::Directory& root_;
};

}  // namespace aivault::vault
