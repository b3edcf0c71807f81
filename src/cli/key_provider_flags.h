// key_provider_flags: --provider and the flags that belong to one provider, as the daemon gets
// them; which belong together is for the daemon to say.
// Thread: one. Errors: none.
#pragma once

#include "cli/arguments.h"
#include "cli/secret_input.h"
#include "cli/session.h"
#include "json/value.h"

namespace aivault::cli {

// Adds "provider" and its keys to `body`, and tells the session which variable holds the key, so
// that a private child gets it.
void add_key_provider(Session& session, const Arguments& arguments, json::Value& body);

// The passphrase that opens the vault later: asked for twice.
SecretSource new_vault_passphrase(std::string_view text_flag, std::string_view file_flag);

}  // namespace aivault::cli
