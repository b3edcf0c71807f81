// BeforeAsking: what the vault would refuse anyway is refused before somebody types a secret.
// Thread: one. Errors: vault_unavailable; those of reaching a daemon.
#pragma once

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/secret_input.h"
#include "cli/session.h"

namespace aivault::cli {

enum class NoVault : std::uint8_t { is_made, refused };

// Is the vault there, and not locked? The daemon answers; a locked one of a private child is no
// refusal, since its passphrase is asked for.
Result<void> check_vault(Client& client, const Session& session, NoVault without);

// The same, if `source` is going to be asked for.
Result<void> check_before_asking(Session& session,
                                 const Arguments& arguments,
                                 const SecretSource& source,
                                 NoVault without);

}  // namespace aivault::cli
