#include "platform/range_lock.h"

#include <fcntl.h>

namespace aivault::platform {
namespace {

struct flock one_byte(std::int64_t byte, int type) {
  struct flock range{};
  range.l_type = static_cast<short>(type);
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  return range;
}

}  // namespace

bool RangeLock::try_lock(std::int64_t byte, Hold hold) const {
  auto range = one_byte(byte, hold == Hold::shared ? F_RDLCK : F_WRLCK);
  return ::fcntl(file_.get(), F_OFD_SETLK, &range) == 0;
}

void RangeLock::unlock(std::int64_t byte) const {
  auto range = one_byte(byte, F_UNLCK);
  ::fcntl(file_.get(), F_OFD_SETLK, &range);
}

bool RangeLock::is_held_elsewhere(std::int64_t byte) const {
  auto range = one_byte(byte, F_WRLCK);
  return ::fcntl(file_.get(), F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

}  // namespace aivault::platform
