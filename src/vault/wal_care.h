// WalCare: when the write-ahead log is synced, and when what was deleted or replaced leaves it.
// Thread: the writer. Errors: none; what fails is tried again.
#pragma once

#include <chrono>

#include "platform/directory.h"
#include "store/database.h"

namespace aivault::vault {

class WalCare {
 public:
  using Clock = std::chrono::steady_clock;

  void wrote_unsynced(Clock::time_point now);  // Synced within 250 ms.
  void wrote_synced() { is_unsynced_ = false; }
  // The log holds what was deleted or replaced: it is truncated within a second, or at once.
  void destroyed(Clock::time_point now);
  void destroyed_all(Clock::time_point now);

  // The earlier of `next` and when tend() has something to do.
  Clock::time_point deadline(Clock::time_point next) const;
  void tend(store::Database& database, const platform::Directory& root, Clock::time_point now);
  void finish(store::Database& database, const platform::Directory& root);

 private:
  void sync(const platform::Directory& root);

  bool is_unsynced_ = false, is_to_truncate_ = false;
  Clock::time_point sync_at_, truncate_at_;
};

}  // namespace aivault::vault
