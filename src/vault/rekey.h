// rekey: gives a vault that never held anything another key and provider, in place. The file of the
// old key stays as it is: another vault may have adopted it.
// Thread: any. Errors: invalid_request exists (`vault already initialized at '<root>'`), and those
// of open and of the key.
#pragma once

#include <string>

#include "base/result.h"
#include "vault/vault.h"

namespace aivault::vault {

// `key_path` is absolute. Other processes that have the vault open load the new key by themselves.
Result<void> rekey_unused(const Location& location, const std::string& key_path);

}  // namespace aivault::vault
