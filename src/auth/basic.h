// basic: the two halves of HTTP Basic authentication out of a secret.
// Source: RFC 7617. Errors: vault_unavailable secret_malformed.
#pragma once

#include "auth/fields.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

struct BasicPair {
  Secret username, password;
  Secret joined() const;  // "username:password"
};
Result<BasicPair> basic_pair(const registry::BasicAuth& auth, const Secret& secret);
// The fields that a templated pair is made from: those of the JSON object, or one named "secret".
Result<Fields> basic_fields(const Secret& secret);

}  // namespace aivault::auth
