// RefreshLock: only one process at a time asks for tokens of one secret. A byte of a file in the
// vault directory, chosen by a hash of the secret's id; the kernel frees it when its holder dies.
// Thread: the event loop, which is not blocked while it waits.
// Errors: oauth_refresh_required refresh_busy (after 30 s), vault_unavailable unsafe_path.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/ids.h"
#include "base/result.h"
#include "platform/range_lock.h"

namespace aivault::tokens {

class RefreshLock {
 public:
  // `root`: the vault directory.
  static boost::asio::awaitable<Result<RefreshLock>> acquire(std::string root, SecretId secret);

 private:
  explicit RefreshLock(platform::RangeLock held) : held_(std::move(held)) {}
  platform::RangeLock held_;
};

}  // namespace aivault::tokens
