#include "vault/wal_care.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "platform/descriptor.h"
#include "vault/layout.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;

constexpr auto kSyncAfter = 250ms;
// Many changes in a row, as an import makes them, share one truncation.
constexpr auto kTruncateAfter = 500ms;
constexpr auto kTruncateRetry = 100ms;

}  // namespace

void WalCare::wrote_unsynced(Clock::time_point now) {
  if (is_unsynced_) return;
  is_unsynced_ = true;
  sync_at_ = now + kSyncAfter;
}

void WalCare::destroyed(Clock::time_point now) {
  if (is_to_truncate_) return;
  is_to_truncate_ = true;
  truncate_at_ = now + kTruncateAfter;
}

void WalCare::destroyed_all(Clock::time_point now) {
  is_to_truncate_ = true;
  truncate_at_ = now;
}

WalCare::Clock::time_point WalCare::deadline(Clock::time_point next) const {
  if (is_unsynced_) next = std::min(next, sync_at_);
  if (is_to_truncate_) next = std::min(next, truncate_at_);
  return next;
}

// Through a descriptor of its own: what it syncs is the file. Closing one of the WAL drops no
// lock, unlike one of the database.
void WalCare::sync(const platform::Directory& root) {
  const platform::Descriptor wal(
      ::openat(root.descriptor(), kWalName, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (wal && ::fdatasync(wal.get()) == 0) is_unsynced_ = false;
}

void WalCare::tend(store::Database& database,
                   const platform::Directory& root,
                   Clock::time_point now) {
  if (is_unsynced_ && now >= sync_at_) {
    sync(root);
    sync_at_ = now + kSyncAfter;
  }
  if (is_to_truncate_ && now >= truncate_at_) {
    const auto truncated = database.truncate_wal();  // False: a reader still needs it.
    is_to_truncate_ = !truncated || !*truncated;
    truncate_at_ = now + kTruncateRetry;
  }
}

void WalCare::finish(store::Database& database, const platform::Directory& root) {
  if (is_unsynced_) sync(root);
  if (is_to_truncate_) (void)database.truncate_wal();
}

}  // namespace aivault::vault
