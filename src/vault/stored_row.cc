#include "vault/stored_row.h"

namespace aivault::vault {
namespace {

using store::blob_field;
using store::blob_of;
using store::Field;
using store::integer_field;
using store::integer_of;
using store::optional_integer_of;
using store::optional_text_field;
using store::optional_text_of;
using store::Row;
using store::text_field;
using store::text_of;

Field time_field(UnixMs time) { return Field(to_int(time)); }
Field time_field(const std::optional<UnixMs>& time) {
  return time ? Field(to_int(*time)) : Field();
}
UnixMs time_of(const Field& field) { return from_int(integer_of(field)); }
std::optional<UnixMs> optional_time_of(const Field& field) {
  const auto ms = optional_integer_of(field);
  return ms ? std::optional(from_int(*ms)) : std::nullopt;
}
Field flag_field(bool flag) { return Field(std::int64_t{flag}); }
template <typename Enum>
Field enum_field(Enum value) {
  return Field(static_cast<std::int64_t>(value));
}

}  // namespace

Row to_row(const VaultRow& v) {
  return {Field(std::int64_t{1}),
          text_field(v.vault_id),
          time_field(v.created_at),
          blob_field(v.kek_id),
          v.previous_kek_id ? blob_field(*v.previous_kek_id) : Field(),
          blob_field(v.check.nonce),
          blob_field(v.check.ciphertext),
          text_field(v.provider),
          optional_text_field(v.retire),
          v.registry_digest ? blob_field(*v.registry_digest) : Field()};
}

VaultRow vault_from(const Row& row) {
  VaultRow v;
  v.vault_id = text_of(row[1]);
  v.created_at = time_of(row[2]);
  v.kek_id = blob_of(row[3]);
  if (!blob_of(row[4]).empty()) v.previous_kek_id = blob_of(row[4]);
  v.check = {blob_of(row[5]), blob_of(row[6])};
  v.provider = text_of(row[7]);
  v.retire = optional_text_of(row[8]);
  if (!blob_of(row[9]).empty()) v.registry_digest = blob_of(row[9]);
  return v;
}

Row to_row(const KeyRow& k) {
  return {text_field(k.id),
          text_field(k.purpose),
          Field(k.epoch),
          blob_field(k.key.nonce),
          blob_field(k.key.ciphertext),
          time_field(k.created_at)};
}

KeyRow key_from(const Row& row) {
  return {text_of(row[0]),
          text_of(row[1]),
          integer_of(row[2]),
          {blob_of(row[3]), blob_of(row[4])},
          time_of(row[5])};
}

Row to_row(const StoredSecret& s) {
  const auto& r = s.record;
  return {text_field(r.id.str()),
          text_field(r.name),
          enum_field(r.scope.kind),
          text_field(r.scope.workspace),
          text_field(r.scope.group),
          flag_field(r.system_managed),
          optional_text_field(r.pinned_provider),
          Field(r.value_version),
          s.dek ? blob_field(s.dek->nonce) : Field(),
          s.dek ? blob_field(s.dek->ciphertext) : Field(),
          time_field(r.created_at),
          time_field(r.updated_at),
          time_field(r.value_changed_at),
          time_field(r.revoked_at),
          time_field(r.expires_at),
          integer_field(r.rotate_every_days)};
}

StoredSecret secret_from(const Row& row) {
  StoredSecret s;
  auto& r = s.record;
  r.id = SecretId(text_of(row[0]));
  r.name = text_of(row[1]);
  r.scope = {static_cast<Scope::Kind>(integer_of(row[2])), text_of(row[3]), text_of(row[4])};
  r.system_managed = integer_of(row[5]) != 0;
  r.pinned_provider = optional_text_of(row[6]);
  r.value_version = integer_of(row[7]);
  if (!blob_of(row[9]).empty()) s.dek = crypto::Sealed{blob_of(row[8]), blob_of(row[9])};
  r.created_at = time_of(row[10]);
  r.updated_at = time_of(row[11]);
  r.value_changed_at = time_of(row[12]);
  r.revoked_at = optional_time_of(row[13]);
  r.expires_at = optional_time_of(row[14]);
  r.rotate_every_days = optional_integer_of(row[15]);
  return s;
}

Row to_row(const CredentialRow& c) {
  return {text_field(c.id),
          text_field(c.provider),
          enum_field(c.origin),
          flag_field(c.enabled),
          enum_field(c.scope.kind),
          text_field(c.scope.workspace),
          text_field(c.scope.group),
          c.secret_id ? text_field(c.secret_id->str()) : Field(),
          text_field(c.params),
          text_field(c.body),
          time_field(c.created_at),
          time_field(c.updated_at)};
}

CredentialRow credential_from(const Row& row) {
  CredentialRow c;
  c.id = text_of(row[0]);
  c.provider = text_of(row[1]);
  c.origin = static_cast<Origin>(integer_of(row[2]));
  c.enabled = integer_of(row[3]) != 0;
  c.scope = {static_cast<Scope::Kind>(integer_of(row[4])), text_of(row[5]), text_of(row[6])};
  if (const auto secret = optional_text_of(row[7])) c.secret_id = SecretId(*secret);
  c.params = text_of(row[8]);
  c.body = text_of(row[9]);
  c.created_at = time_of(row[10]);
  c.updated_at = time_of(row[11]);
  return c;
}

Row to_row(const CapabilityRow& c) {
  return {text_field(c.id),
          text_field(c.provider),
          enum_field(c.origin),
          flag_field(c.enabled),
          text_field(c.body),
          time_field(c.created_at),
          time_field(c.updated_at)};
}

CapabilityRow capability_from(const Row& row) {
  return {text_of(row[0]),
          text_of(row[1]),
          static_cast<Origin>(integer_of(row[2])),
          integer_of(row[3]) != 0,
          text_of(row[4]),
          time_of(row[5]),
          time_of(row[6])};
}

Row to_row(const PolicyRow& p) {
  return {text_field(p.id), text_field(p.body), time_field(p.updated_at)};
}
PolicyRow policy_from(const Row& row) {
  return {text_of(row[0]), text_of(row[1]), time_of(row[2])};
}

Row to_row(const BindingRow& b) {
  return {text_field(b.id()),
          text_field(b.capability),
          enum_field(b.scope.kind),
          text_field(b.scope.workspace),
          text_field(b.scope.group),
          text_field(b.consumer),
          text_field(b.secret_id.str()),
          time_field(b.updated_at)};
}
BindingRow binding_from(const Row& row) {
  return {text_of(row[1]),
          {static_cast<Scope::Kind>(integer_of(row[2])), text_of(row[3]), text_of(row[4])},
          text_of(row[5]),
          SecretId(text_of(row[6])),
          time_of(row[7])};
}

Row to_row(const ProviderRow& p) {
  return {text_field(p.id),
          enum_field(p.kind),
          flag_field(p.enabled),
          text_field(p.body),
          time_field(p.updated_at)};
}
ProviderRow provider_from(const Row& row) {
  return {text_of(row[0]),
          static_cast<ProviderRow::Kind>(integer_of(row[1])),
          integer_of(row[2]) != 0,
          text_of(row[3]),
          time_of(row[4])};
}

Row to_row(const SettingRow& s) {
  return {text_field(s.id), text_field(s.body), time_field(s.updated_at)};
}
SettingRow setting_from(const Row& row) {
  return {text_of(row[0]), text_of(row[1]), time_of(row[2])};
}

Row to_row(const AgentRow& a) {
  return {text_field(a.id()),
          text_field(a.name),
          text_field(a.body),
          time_field(a.expires_at),
          time_field(a.created_at),
          time_field(a.updated_at)};
}
AgentRow agent_from(const Row& row) {
  return {text_of(row[1]),
          uid_of_agent(text_of(row[0])),
          text_of(row[2]),
          optional_time_of(row[3]),
          time_of(row[4]),
          time_of(row[5])};
}

Row to_row(const TokenRow& t) {
  return {text_field(t.id),
          t.hash.empty() ? Field() : blob_field(t.hash),
          optional_text_field(t.agent),
          text_field(t.body),
          time_field(t.created_at),
          time_field(t.expires_at),
          time_field(t.revoked_at)};
}
TokenRow token_from(const Row& row) {
  return {text_of(row[0]),
          blob_of(row[1]),
          optional_text_of(row[2]),
          text_of(row[3]),
          time_of(row[4]),
          time_of(row[5]),
          optional_time_of(row[6])};
}

std::string_view noun_of(store::Table table) {
  switch (table) {
    case store::Table::vault:
    case store::Table::vault_keys: break;
    case store::Table::secrets: return "secret";
    case store::Table::credentials: return "credential";
    case store::Table::capabilities: return "capability";
    case store::Table::policies: return "policy";
    case store::Table::bindings: return "binding";
    case store::Table::providers: return "provider";
    case store::Table::agents: return "agent";
    case store::Table::tokens: return "token";
    case store::Table::approvals: return "approval";
    case store::Table::settings: return "setting";
    case store::Table::audit_segments: return "audit segment";
  }
  return "vault";
}

}  // namespace aivault::vault
