// Material: what a secret's bytes mean to an auth strategy.
// Thread: any. Errors: vault_unavailable secret_malformed, with the markers of docs/credentials.md;
// never quotes the secret.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

// Does the secret fit the strategy? What sign() would say, without a request.
Result<void> check_material(const registry::AuthSpec& auth, const Secret& secret);

// Every string of the material that must not reach a caller, and the Basic pair. Fields that are
// public by nature (username, account sid listed in `public_fields`, ...) are left out.
Result<std::vector<Secret>> secret_set(const registry::AuthSpec& auth,
                                       const Secret& secret,
                                       std::span<const std::string> public_fields);

// A JSON object placeholder -> value, for the composite of a provider with several secrets.
struct NamedSecret {
  std::string name;
  const Secret* value;
};
Result<Secret> compose(std::span<const NamedSecret> members);

}  // namespace aivault::auth
