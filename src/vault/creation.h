// creation: makes a new vault, so that any number of processes that try at the same time end with
// one vault and one key; and gives a vault that never held anything another key.
// Thread: any. Errors: busy after 10 s, key_unavailable, damaged, unsafe_path, not_writable.
#pragma once

#include <string>

#include "base/result.h"
#include "platform/directory.h"
#include "platform/range_lock.h"
#include "vault/vault.h"

namespace aivault::vault {

// Waits at most 10 s for the byte.
Result<void> wait_for(const platform::RangeLock& lock,
                      std::int64_t byte,
                      platform::RangeLock::Hold hold);
Result<platform::RangeLock> open_lock_file(const platform::Directory& root);

enum class Made : std::uint8_t { by_us, by_another };
// `key_path` is absolute; `actor` goes into the audit.
Result<Made> make_vault(const Location& location,
                        const std::string& key_path,
                        const std::string& actor);

}  // namespace aivault::vault
