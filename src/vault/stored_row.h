// stored_row: the vault's records as rows of their tables, and back.
// Thread: any; pure.
#pragma once

#include <optional>
#include <string>

#include "crypto/seal.h"
#include "store/field.h"
#include "store/tables.h"
#include "vault/rows.h"

namespace aivault::vault {

// A secret with what only the vault sees. `record.aliases` and `record.attached` are in tables of
// their own and covered by the MAC of the secret's row.
struct StoredSecret {
  SecretRecord record;
  std::optional<crypto::Sealed> dek;  // Absent when revoked.
};

struct VaultRow {
  std::string vault_id;
  UnixMs created_at;
  std::string kek_id;  // 32 bytes.
  std::optional<std::string> previous_kek_id;
  crypto::Sealed check;
  std::string provider;                        // JSON
  std::optional<std::string> retire;           // A key file that is to be destroyed; as in `path`.
  std::optional<std::string> registry_digest;  // 32 bytes.
};

struct KeyRow {
  std::string id;
  std::string purpose;  // "audit", "token"
  std::int64_t epoch = 1;
  crypto::Sealed key;
  UnixMs created_at;
};

store::Row to_row(const VaultRow& vault);
store::Row to_row(const KeyRow& key);
store::Row to_row(const StoredSecret& secret);
store::Row to_row(const CredentialRow& credential);
store::Row to_row(const CapabilityRow& capability);
store::Row to_row(const PolicyRow& policy);
store::Row to_row(const BindingRow& binding);
store::Row to_row(const ProviderRow& provider);
store::Row to_row(const SettingRow& setting);
store::Row to_row(const AgentRow& agent);
store::Row to_row(const TokenRow& token);

VaultRow vault_from(const store::Row& row);
KeyRow key_from(const store::Row& row);
StoredSecret secret_from(const store::Row& row);
CredentialRow credential_from(const store::Row& row);
CapabilityRow capability_from(const store::Row& row);
PolicyRow policy_from(const store::Row& row);
BindingRow binding_from(const store::Row& row);
ProviderRow provider_from(const store::Row& row);
SettingRow setting_from(const store::Row& row);
AgentRow agent_from(const store::Row& row);
TokenRow token_from(const store::Row& row);

// "secret", "credential", ...: what people call a row of that table.
std::string_view noun_of(store::Table table);

}  // namespace aivault::vault
