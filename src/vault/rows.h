// Rows: the records that other modules keep in the vault's protected tables, and the metadata of
// secrets. `body` and `params` are JSON texts owned by the module that owns the noun.
// Thread: any; plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/secret.h"
#include "base/time.h"
#include "vault/scope.h"

namespace aivault::vault {

struct SecretRecord {
  SecretId id;
  std::string name;                  // The last one, also when revoked.
  std::vector<std::string> aliases;  // Sorted; empty when revoked.
  Scope scope;
  bool system_managed = false;
  std::optional<std::string> pinned_provider;  // A provider id or "family:<name>".
  std::int64_t value_version = 1;
  UnixMs created_at, updated_at, value_changed_at;
  std::optional<UnixMs> last_used_at, revoked_at, expires_at;
  std::optional<std::int64_t> rotate_every_days;
  std::vector<Attachment> attached;  // Sorted.
};

struct NewSecret {
  std::string name;
  std::vector<std::string> aliases;
  Scope scope;
  bool system_managed = false;
  std::optional<std::string> pinned_provider;
  std::optional<UnixMs> expires_at;
  std::optional<std::int64_t> rotate_every_days;
};

// Set members change; a set inner optional that is empty clears.
struct SecretUpdate {
  std::optional<std::string> name;
  std::optional<std::vector<std::string>> aliases;
  std::optional<std::optional<UnixMs>> expires_at;
  std::optional<std::optional<std::int64_t>> rotate_every_days;
  std::optional<std::string> pinned_provider;  // Adds a pin (re-seals the value); never removes.
};

// Live secrets that need their owner at a moment, which is never before the vault's latest.
struct DueSecrets {
  UnixMs at;
  std::vector<SecretRecord> secrets;  // Expired or soon to expire, then those to be rotated.
  bool more = false;
};

// How many live secrets there are, and how many of those of people are due, each for one reason: it
// has expired, expires soon, or is to be rotated. By the columns alone: no row is verified.
struct SecretCounts {
  std::int64_t global = 0, workspace = 0, group = 0;
  std::int64_t expired = 0, expiring = 0, to_rotate = 0;
  std::optional<UnixMs> until;  // When time alone changes this; unset: it does not.
};

struct SecretFilter {
  std::optional<Scope::Kind> kind;
  std::optional<std::string> workspace, group;
};

enum class Origin : std::uint8_t { operator_made = 0, registry = 1 };

struct CredentialRow {
  std::string id, provider;
  Origin origin = Origin::operator_made;
  bool enabled = true;
  Scope scope;
  std::optional<SecretId> secret_id;
  std::string params = "{}";
  std::string body = "{}";
  UnixMs created_at, updated_at;
};

struct CapabilityRow {
  std::string id, provider;
  Origin origin = Origin::operator_made;  // registry: only while disabled.
  bool enabled = true;
  std::string body = "{}";
  UnixMs created_at, updated_at;
};

struct PolicyRow {
  std::string id;  // The capability.
  std::string body = "{}";
  UnixMs updated_at;
};

// Another secret for the calls of one capability in one scope, of one consumer or of all.
struct BindingRow {
  std::string capability;
  Scope scope;
  std::string consumer;  // Empty: every one.
  SecretId secret_id;
  UnixMs updated_at;

  // The key of the row: "<capability> <scope>" and " <consumer>" if there is one. Capabilities and
  // scopes have no blanks, so a row that cannot be read still says which capability it belongs to.
  std::string id() const;
};
// The capability that an id of a binding begins with.
std::string capability_of_binding(std::string_view id);

// A provider that the operator added (file: `body` is its text) or installed (plugin).
struct ProviderRow {
  enum class Kind : std::uint8_t { file = 0, plugin = 1 };
  std::string id;
  Kind kind = Kind::file;
  bool enabled = true;
  std::string body = "{}";
  UnixMs updated_at;
};

struct SettingRow {
  std::string id;
  std::string body = "{}";
  UnixMs updated_at;
};

// Who may call, and what. The key of the row is the name and, for one that is bound to an OS user,
// a blank and the uid: a row that cannot be read still says whom it is about.
struct AgentRow {
  std::string name;
  std::optional<std::int64_t> uid;
  std::string body = "{}";
  std::optional<UnixMs> expires_at;
  UnixMs created_at, updated_at;

  std::string id() const;
};
// Of the key of an agent.
std::string name_of_agent(std::string_view id);
std::optional<std::int64_t> uid_of_agent(std::string_view id);

// A proxy token, without its value.
struct TokenRow {
  std::string id;
  std::string hash;                  // 32 bytes; Vault::token_hash of the value.
  std::optional<std::string> agent;  // AgentRow::id()
  std::string body = "{}";
  UnixMs created_at, expires_at;
  std::optional<UnixMs> revoked_at;
};

// A protected row that failed its check, by name; it is refused and everything else works.
struct Problem {
  std::string kind;  // "secret", "credential", "capability", ... or "vault"
  std::string id;
  std::string message;
};

}  // namespace aivault::vault
