// Keyring: the keys of one unlocked vault and everything that is sealed, opened or authenticated
// with them. Associated data and MAC inputs are put together here and nowhere else.
// Thread: any; constant once built. Source: docs/vault.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "store/schema.h"
#include "store/seals.h"
#include "store/tables.h"
#include "vault/digest.h"
#include "vault/stored_row.h"

namespace aivault::vault {

// A key-encryption key and what it gives, in locked memory; wiped with the last that holds them.
class MasterKeys {
 public:
  MasterKeys(std::string vault_id, const Secret& kek);

  const std::string& vault_id() const { return vault_id_; }
  const std::string& kek_id() const { return kek_id_; }  // 32 bytes.
  const Secret& kek() const { return kek_; }             // For archives alone.

  crypto::Sealed make_check() const;
  bool fits(const crypto::Sealed& check) const;

  crypto::Sealed wrap_key(const KeyRow& row, const Secret& key) const;
  std::optional<Secret> unwrap_key(const KeyRow& row) const;

  // For re-keying: `dek` has 32 bytes.
  bool open_dek(const StoredSecret& secret, Secret& dek) const;
  crypto::Sealed wrap_dek(const SecretRecord& secret, const Secret& dek) const;

  // A new DEK each time: sets `secret.dek`, returns the sealed value.
  crypto::Sealed seal_value(StoredSecret& secret, const Secret& value) const;
  std::optional<Secret> open_value(const StoredSecret& secret, const crypto::Sealed& value) const;

  // For secrets the lists of `lists` follow the columns; nullptr for other tables.
  crypto::Hash row_mac(store::Table table,
                       std::int64_t rev,
                       const store::Row& row,
                       const SecretRecord* lists) const;
  crypto::Hash set_element(store::Table table,
                           std::string_view id,
                           const store::RowSeal& seal) const;

  void seal_digest(store::StateRow& state, const Digest& digest) const;
  std::optional<Digest> open_digest(const store::StateRow& state) const;

 private:
  std::string dek_context(const SecretRecord& secret) const;
  std::string value_context(const SecretRecord& secret) const;
  std::string key_context(const KeyRow& row) const;
  std::string check_context() const;
  std::string state_context(const store::StateRow& state) const;

  std::string vault_id_, kek_id_;
  Secret kek_, wrap_, row_mac_, set_, state_;
};

class Keyring {
 public:
  explicit Keyring(std::shared_ptr<const MasterKeys> master) : master_(std::move(master)) {}

  const MasterKeys& master() const { return *master_; }
  const std::shared_ptr<const MasterKeys>& shared_master() const { return master_; }
  const std::string& vault_id() const { return master_->vault_id(); }

  void add_audit_key(std::int64_t epoch, Secret key);
  const Secret* audit_key(std::int64_t epoch) const;
  void set_token_key(Secret key) { token_key_ = std::move(key); }
  const Secret& token_key() const { return token_key_; }  // Empty: there is none.
  std::int64_t epoch() const;  // The current one; 0: there is no audit key.

 private:
  std::shared_ptr<const MasterKeys> master_;
  std::map<std::int64_t, Secret> audit_keys_;
  Secret token_key_;
};

}  // namespace aivault::vault
