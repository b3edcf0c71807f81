// provider_choice: the key provider that a request names, with exactly the flags that belong to
// it, and what a passphrase of a vault must be.
// Thread: any. Errors: invalid_request record_invalid (`--env-var does not belong to --provider
// file`).
#pragma once

#include <optional>

#include "admin/body.h"
#include "admin/operation.h"
#include "base/result.h"
#include "vault/options.h"

namespace aivault::admin {

// Reads provider, filePath, envVar, credentialName, keyDescription, keychainService and
// keychainAccount. `otherwise`: the provider of a body that names none. A passphrase is the
// caller's to add.
Result<vault::ProviderChoice> provider_choice(const Body& body,
                                              vault::ProviderChoice::Kind otherwise);

// Not blank. Its bytes count as they are.
Result<void> check_new_passphrase(const Secret& passphrase);
// The warning about one that is easily guessed, if it is.
std::optional<Answer::Notice> weakness_of(const Secret& passphrase);

}  // namespace aivault::admin
