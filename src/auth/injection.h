// Injection: what a credential adds to a request, as views of secret bytes that are still to be
// joined; every check of the material and of what was rendered is done.
// Thread: one object belongs to one thread at a time.
// Errors: vault_unavailable secret_malformed, policy_violation auth_config.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/fields.h"
#include "base/result.h"
#include "base/secret.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

using Parts = std::vector<std::string_view>;  // To be joined.

// The two halves of Basic: rendered fields and the fields themselves.
struct BasicMaterial {
  Fields fields;
  Parts username, password;
};
Result<BasicMaterial> basic_material(const registry::BasicAuth& auth, std::string_view secret);

// What every strategy asks of a secret.
Result<std::string_view> secret_text(const registry::AuthSpec& auth, const Secret& secret);

struct Injection {
  std::string header_name;  // Empty: no header.
  Parts header_value;
  Parts path_prefix;  // Empty: no path auth. Without a slash at its end.
  Parts query_pair;   // Empty: no query auth.
  Secret encoded;     // What some of the views above show.
};

// Valid while `auth` and `secret` live.
Result<Injection> make_injection(const registry::AuthSpec& auth, const Secret& secret);

}  // namespace aivault::auth
