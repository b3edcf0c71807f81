// Changing: the Change interface over a Draft: secrets with their names and values, and the rows
// of other modules.
// Thread: the writer. Errors: invalid_request exists | changed | not_found | record_invalid,
// vault_unavailable secret_missing | row_integrity.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault/draft.h"
#include "vault/reading.h"

namespace aivault::vault {

class Changing final : public Reading<Change> {
 public:
  Changing(store::Database& database, Draft& draft)
      : Reading<Change>(database, draft), database_(database), draft_(draft) {}

  Result<SecretRecord> create_secret(const NewSecret& wanted, const Secret& value) override;
  Result<SecretRecord> update_secret(const SecretId& id, const SecretUpdate& update) override;
  Result<SecretRecord> rotate_secret(const SecretId& id,
                                     const Secret& value,
                                     std::optional<std::int64_t> expected_version) override;
  Result<SecretRecord> import_secret(const SecretRecord& kept,
                                     const Secret& value,
                                     SameId same_id) override;
  Result<SecretRecord> attach_group(const SecretId& id, const Attachment& group) override;
  Result<SecretRecord> detach_group(const SecretId& id, const Attachment& group) override;
  Result<SecretRecord> revoke_secret(const SecretId& id) override;
  Result<void> erase_system_secret(const SecretId& id) override;
  Result<Secret> open_internally(const SecretId& id) override;

  Result<void> put(const CredentialRow& row) override { return put_checked(to_row(row)); }
  Result<void> put(const CapabilityRow& row) override;
  Result<void> put(const PolicyRow& row) override;
  Result<void> put(const BindingRow& row) override;
  Result<void> put(const ProviderRow& row) override;
  Result<void> put(const SettingRow& row) override;
  Result<void> put(const AgentRow& row) override;
  Result<void> put(const TokenRow& row) override;
  Result<bool> remove_credential(std::string_view id) override;
  Result<bool> remove_capability(std::string_view id) override;
  Result<bool> remove_policy(std::string_view id) override;
  Result<bool> remove_binding(std::string_view id) override;
  Result<bool> remove_provider(std::string_view id) override;
  Result<bool> remove_setting(std::string_view id) override;
  Result<bool> remove_agent(std::string_view id) override;
  Result<bool> remove_token(std::string_view id) override;

  void record(audit::Event event) override { events_.push_back(std::move(event)); }
  Result<void> record_history(const audit::Event& event) override {
    return draft_.append_history(event);
  }
  UnixMs now() const override { return draft_.now(); }
  std::int64_t counter() override { return draft_.memory().state.counter; }

  const std::vector<audit::Event>& events() const { return events_; }
  // Content was destroyed that the WAL may still hold.
  bool has_destroyed() const { return destroyed_; }

 private:
  Result<void> put_checked(const store::Row& row, store::Table table = store::Table::credentials);
  Result<void> check_room(store::Table table,
                          std::string_view id,
                          std::size_t limit,
                          std::string_view what) const;
  Result<bool> remove_checked(store::Table table, std::string_view id);
  Result<StoredSecret> live_secret(const SecretId& id);
  Result<void> claim_names(const SecretRecord& secret);
  Result<std::optional<std::string>> holder_of(const Scope& scope, const std::string& name);
  Result<void> store_names(const SecretRecord& secret);
  Result<void> store_groups(const SecretRecord& secret);
  Result<void> remove_bindings_to(const SecretId& id);
  Result<void> store_value(const SecretId& id, const crypto::Sealed& value);
  Result<void> remove_value(const SecretId& id);
  Result<void> store_secret(const StoredSecret& secret);

  store::Database& database_;
  Draft& draft_;
  std::vector<audit::Event> events_;
  bool destroyed_ = false;
};

}  // namespace aivault::vault
