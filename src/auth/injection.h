// inject: what a credential adds to any request, before one is known: a header, a query pair, or
// what goes before the path. One function for checking a secret and for using it.
// Thread: any. Errors: vault_unavailable secret_malformed, policy_violation auth_config.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

struct Injection {
  std::string header_name;  // Lower case; empty: no header.
  Secret header_value;
  Secret query_pair;   // "name=value", encoded; empty: none.
  Secret path_prefix;  // "/bot123:abc", without a final '/'; empty: none.
};
Result<Injection> inject(const registry::AuthSpec& auth, const Secret& secret);

}  // namespace aivault::auth
