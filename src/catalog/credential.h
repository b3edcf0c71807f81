// Credential: one account with one provider, as it takes part in calls: stored facts for custom
// ones; for registry ones everything but secret, scope, enabled flag and bound host comes from
// the compiled-in definition.
// Thread: any; a plain value. Errors of parsing: invalid_request record_invalid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "policy/decide.h"
#include "registry/definition.h"
#include "vault/rows.h"

namespace aivault::catalog {

// Of broker.md 8.1; only ready ones take part in resolution.
enum class CredentialState : std::uint8_t {
  ready,
  needs_secret,
  needs_host,
  needs_param,
  invalid_secret,
  disabled,
  damaged,
};
std::string_view to_string(CredentialState state);  // "needs host"

struct Credential {
  std::string id, provider;
  bool derived = false;              // origin 1.
  bool from_registry = false;        // The provider is in the registry.
  std::string kind;                  // Registry: the auth kind; custom: empty.
  bool named_only = false;           // The kind serves only capabilities that name it.
  std::vector<std::string> methods;  // Those that the kind serves; empty: all.
  bool enabled = true;
  vault::Scope scope;  // Its own.
  std::optional<SecretId> secret_id;
  int priority = 0;
  std::vector<std::string> capability_list;  // Empty: all of the provider.
  std::vector<std::string> public_fields;    // Of the secret: not scrubbed.
  policy::CredentialPolicy policy;           // id, hosts, auth, addresses, headers, prefix, ...
  std::string tls_ca_pem;                    // Empty: system trust only.
  std::optional<std::string> max_policy_mode;
  std::vector<std::pair<std::string, std::string>> params;
  CredentialState state = CredentialState::ready;
  std::string state_detail;  // What is missing, with the command that helps.
};

// The Credential shape of the command line (keys in documented order).
json::Value to_json(const Credential& credential);

// A stored row as it takes part. `provider`: its registry entry, or nullptr.
Result<Credential> parse_credential(const vault::CredentialRow& row,
                                    const registry::Provider* provider);

}  // namespace aivault::catalog
