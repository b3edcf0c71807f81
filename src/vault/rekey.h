// rekey: gives a vault that never held anything another key and provider, in place. The file of the
// old key is destroyed only when the vault made it itself and no other vault has adopted it.
// Thread: any. Errors: invalid_request exists (`vault already initialized at '<root>'`), and those
// of the key.
#pragma once

#include "base/result.h"
#include "vault/vault.h"

namespace aivault::vault {

// Other processes that have the vault open load the new key by themselves.
Result<void> rekey_unused(const Options& options, const ProviderChoice& choice);

}  // namespace aivault::vault
