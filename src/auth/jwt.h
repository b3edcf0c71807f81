// jwt: signed tokens (RFC 7519) made from a private key. Pure: time and randomness are arguments.
// Thread: any. Source: RFC 7515, RFC 7518, RFC 8037. Errors: vault_unavailable secret_malformed,
// policy_violation auth_config.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/fields.h"
#include "auth/parts.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

// A PEM key alone, or a JSON object that has one.
struct JwtMaterial {
  std::optional<Fields> fields;
  std::string_view private_key, key_id;  // PEM; views into the secret or its fields.
  bool google_key_file = false;          // "type": "service_account"
  std::optional<std::string_view> find(std::string_view name) const;
};
Result<JwtMaterial> jwt_material(std::string_view secret);

// header.claims.signature; `claims` is compact JSON.
Result<Secret> signed_jwt(registry::JwtAlgorithm algorithm,
                          std::string_view private_key_pem,
                          std::string_view key_id,
                          const Parts& claims);

// The token of a self-signed credential. `jti`: 128 random bits as text.
Result<Secret> self_signed_jwt(const registry::JwtAuth& auth,
                               const JwtMaterial& material,
                               UnixMs now,
                               std::string_view jti);

// The same from the stored secret, with its checks.
Result<Secret> own_jwt(const registry::JwtAuth& auth,
                       const Secret& secret,
                       UnixMs now,
                       std::string_view jti);

// Are tokens of this credential got from Google, by exchange of a signed one?
bool is_google_exchange(const registry::JwtAuth& auth, const JwtMaterial& material);

}  // namespace aivault::auth
