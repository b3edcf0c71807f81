// Injection: what a credential adds to a request, as views of secret bytes that are still to be
// joined; every check of the material and of what was rendered is done.
// Thread: one object belongs to one thread at a time.
// Errors: vault_unavailable secret_malformed, policy_violation auth_config, invalid_request
// body_not_signable.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/client_identity.h"
#include "auth/fields.h"
#include "auth/jwt.h"
#include "auth/parts.h"
#include "auth/sign.h"
#include "base/result.h"
#include "base/secret.h"
#include "policy/plan.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

// The two halves of Basic: rendered fields and the fields themselves.
struct BasicMaterial {
  Fields fields;
  Parts username, password;
};
Result<BasicMaterial> basic_material(const registry::BasicAuth& auth, std::string_view secret);
Result<Fields> multi_fields(std::string_view word, std::string_view secret);
// Certificate, chain and key of mutual TLS, checked to belong together.
struct MtlsMaterial {
  Fields fields;
  std::string_view certificate, chain, key;  // Views into the fields; the chain may be empty.
};
Result<MtlsMaterial> mtls_material(std::string_view secret);
Result<ClientIdentity> client_identity(const Secret& secret);

Result<void> check_path_secret(const registry::PathAuth& auth, std::string_view secret);

// What every strategy asks of a secret.
Result<std::string_view> secret_text(const registry::AuthSpec& auth, const Secret& secret);

struct Injection {
  struct Header {
    std::string name;
    Parts value;
  };
  std::vector<Header> headers;
  Parts path_prefix;               // Empty: no path auth. Without a slash at its end.
  std::vector<Parts> query_pairs;  // Appended last.
  // Instead of the planned ones.
  std::optional<std::string> path;
  std::optional<std::vector<std::string>> query;

  // Of the above, what was made from the secret for this request alone.
  Parts computed;

  // What some of the views above show.
  std::deque<Secret> made;
  std::deque<std::string> texts;
  std::deque<Fields> fields;
};
// Valid while the arguments live.
Result<Injection> make_injection(const registry::AuthSpec& auth,
                                 const Secret& secret,
                                 const policy::PlannedRequest& planned,
                                 const SigningInput& input);

}  // namespace aivault::auth
