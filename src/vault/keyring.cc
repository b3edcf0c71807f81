#include "vault/keyring.h"

#include "crypto/canonical.h"
#include "crypto/keys.h"

namespace aivault::vault {
namespace {

using crypto::Canonical;

constexpr std::size_t kCheckBytes = 32;

void append(Canonical& encoded, const store::Field& field) {
  if (const auto* integer = std::get_if<std::int64_t>(&field)) {
    encoded.integer(*integer);
  } else if (const auto* text = std::get_if<std::string>(&field)) {
    encoded.text(*text);
  } else if (const auto* blob = std::get_if<store::Blob>(&field)) {
    encoded.blob(blob->bytes);
  } else {
    encoded.absent();
  }
}

}  // namespace

MasterKeys::MasterKeys(std::string vault_id, const Secret& kek)
    : vault_id_(std::move(vault_id)),
      kek_id_(crypto::key_id(kek)),
      kek_(kek.clone()),
      wrap_(derive(kek, crypto::Subkey::wrap)),
      row_mac_(derive(kek, crypto::Subkey::row_mac)),
      set_(derive(kek, crypto::Subkey::set)),
      state_(derive(kek, crypto::Subkey::state)) {}

std::string MasterKeys::dek_context(const SecretRecord& s) const {
  return Canonical("dek")
      .text(vault_id_)
      .text(s.id.str())
      .integer(s.value_version)
      .blob(kek_id_)
      .bytes();
}

std::string MasterKeys::value_context(const SecretRecord& s) const {
  Canonical encoded("value");
  encoded.text(vault_id_)
      .text(s.id.str())
      .integer(s.value_version)
      .integer(static_cast<std::int64_t>(s.scope.kind))
      .text(s.scope.workspace)
      .text(s.scope.group);
  append(encoded, store::optional_text_field(s.pinned_provider));
  return encoded.integer(s.system_managed ? 1 : 0).bytes();
}

std::string MasterKeys::key_context(const KeyRow& row) const {
  return Canonical("key")
      .text(vault_id_)
      .text(row.purpose)
      .integer(row.epoch)
      .blob(kek_id_)
      .bytes();
}

std::string MasterKeys::check_context() const {
  return Canonical("check").text(vault_id_).blob(kek_id_).bytes();
}

std::string MasterKeys::state_context(const store::StateRow& state) const {
  return Canonical("state")
      .text(vault_id_)
      .integer(store::kSchemaVersion)
      .integer(state.counter)
      .integer(state.objects)
      .integer(state.audit_seq)
      .blob(state.audit_head)
      .integer(state.last_ts_ms)
      .bytes();
}

crypto::Sealed MasterKeys::make_check() const {
  return crypto::seal_known(wrap_, std::string(kCheckBytes, '\0'), check_context());
}

bool MasterKeys::fits(const crypto::Sealed& check) const {
  return crypto::open_known(wrap_, check, check_context()) == std::string(kCheckBytes, '\0');
}

crypto::Sealed MasterKeys::wrap_key(const KeyRow& row, const Secret& key) const {
  return crypto::seal(wrap_, key, key_context(row));
}

std::optional<Secret> MasterKeys::unwrap_key(const KeyRow& row) const {
  return crypto::open(wrap_, row.key, key_context(row));
}

bool MasterKeys::open_dek(const StoredSecret& secret, Secret& dek) const {
  return secret.dek && crypto::open_into(dek, wrap_, *secret.dek, dek_context(secret.record));
}

crypto::Sealed MasterKeys::wrap_dek(const SecretRecord& secret, const Secret& dek) const {
  return crypto::seal(wrap_, dek, dek_context(secret));
}

crypto::Sealed MasterKeys::seal_value(StoredSecret& secret, const Secret& value) const {
  const auto dek = crypto::random_key();
  secret.dek = wrap_dek(secret.record, dek);
  return crypto::seal(dek, value, value_context(secret.record));
}

std::optional<Secret> MasterKeys::open_value(const StoredSecret& secret,
                                             const crypto::Sealed& value) const {
  if (!secret.dek) return std::nullopt;
  const auto dek = crypto::open(wrap_, *secret.dek, dek_context(secret.record));
  if (!dek) return std::nullopt;
  return crypto::open(*dek, value, value_context(secret.record));
}

crypto::Hash MasterKeys::row_mac(store::Table table,
                                 std::int64_t rev,
                                 const store::Row& row,
                                 const SecretRecord* lists) const {
  Canonical encoded("row");
  encoded.text(vault_id_).text(store::name_of(table)).integer(rev);
  for (const auto& field : row) append(encoded, field);
  if (lists != nullptr) {
    encoded.list(static_cast<std::uint32_t>(lists->aliases.size()));
    for (const auto& alias : lists->aliases) encoded.text(alias);
    encoded.list(static_cast<std::uint32_t>(lists->attached.size()));
    for (const auto& to : lists->attached) encoded.list(2).text(to.workspace).text(to.group);
  }
  return crypto::keyed_hash(row_mac_, {encoded.bytes()});
}

crypto::Hash MasterKeys::set_element(store::Table table,
                                     std::string_view id,
                                     const store::RowSeal& seal) const {
  const auto encoded = Canonical("set")
                           .text(store::name_of(table))
                           .text(id)
                           .integer(seal.rev)
                           .blob(seal.mac)
                           .bytes();
  return crypto::keyed_hash(set_, {encoded});
}

void MasterKeys::seal_digest(store::StateRow& state, const Digest& digest) const {
  auto sealed = crypto::seal_known(state_, digest.bytes(), state_context(state));
  state.digest_nonce = std::move(sealed.nonce);
  state.digest_ct = std::move(sealed.ciphertext);
}

std::optional<Digest> MasterKeys::open_digest(const store::StateRow& state) const {
  const crypto::Sealed sealed{state.digest_nonce, state.digest_ct};
  const auto bytes = crypto::open_known(state_, sealed, state_context(state));
  return bytes ? std::optional(Digest(*bytes)) : std::nullopt;
}

void Keyring::add_audit_key(std::int64_t epoch, Secret key) {
  audit_keys_.insert_or_assign(epoch, std::move(key));
}

const Secret* Keyring::audit_key(std::int64_t epoch) const {
  const auto found = audit_keys_.find(epoch);
  return found == audit_keys_.end() ? nullptr : &found->second;
}

std::int64_t Keyring::epoch() const {
  return audit_keys_.empty() ? 0 : audit_keys_.rbegin()->first;
}

}  // namespace aivault::vault
