// creation: makes a new vault, so that any number of processes that try at the same time end with
// one vault and one key; and gives a vault that never held anything another key.
// Thread: any. Errors: busy after 10 s, key_unavailable, damaged, unsafe_path, not_writable.
#pragma once

#include <string>

#include "base/result.h"
#include "platform/directory.h"
#include "platform/range_lock.h"
#include "vault/key_provider.h"
#include "vault/vault.h"

namespace aivault::vault {

// Waits at most 10 s for the byte.
Result<void> wait_for(const platform::RangeLock& lock,
                      std::int64_t byte,
                      platform::RangeLock::Hold hold);
Result<platform::RangeLock> open_lock_file(const platform::Directory& root);

enum class Made : std::uint8_t { by_us, by_another };
// `actor` goes into the audit.
Result<Made> make_vault(const Options& options,
                        const ProviderChoice& choice,
                        const std::string& actor);

// A new vault in `root`, which holds none, under this key. `provider` is stored, not asked. For the
// holder of the locks.
Result<void> make_vault_with(const platform::Directory& root,
                             const KeyProvider& provider,
                             const Secret& key,
                             const std::string& actor);

// What an automatic creation takes: the credential `aivault-kek` if there is one, else a key file.
ProviderChoice automatic_choice(const Options& options);

}  // namespace aivault::vault
