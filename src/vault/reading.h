// Reading: the Reader interface over a RowReader, for snapshots and for changes alike.
// Thread: that of the database.
#pragma once

#include <utility>

#include "vault/history.h"
#include "vault/row_reader.h"
#include "vault/vault.h"

namespace aivault::vault {

template <typename Interface>
class Reading : public Interface {
 public:
  using After = Reader::After;

  Result<std::optional<SecretRecord>> secret(const SecretId& id) override {
    return record_of(rows_.secret(id.str()));
  }
  Result<std::optional<SecretRecord>> secret_by_name(const Scope& scope,
                                                     std::string_view name) override {
    return record_of(rows_.secret_by_name(scope, name));
  }
  Result<std::vector<SecretRecord>> secrets(const SecretFilter& filter,
                                            const std::optional<After>& after,
                                            std::size_t limit,
                                            std::vector<Problem>& damaged) override {
    return rows_.secrets(filter, after, limit, damaged);
  }
  Result<DueSecrets> due_secrets(UnixMs now,
                                 std::chrono::milliseconds notice,
                                 std::size_t limit,
                                 std::vector<Problem>& damaged) override {
    return rows_.due_secrets(now, notice, limit, damaged);
  }
  Result<SecretCounts> count_secrets(UnixMs now, std::chrono::milliseconds notice) override {
    return rows_.count_secrets(now, notice);
  }
  Result<std::optional<CredentialRow>> credential(std::string_view id) override {
    return one(store::Table::credentials, id, credential_from);
  }
  Result<std::optional<CapabilityRow>> capability(std::string_view id) override {
    return one(store::Table::capabilities, id, capability_from);
  }
  Result<std::optional<PolicyRow>> policy(std::string_view id) override {
    return one(store::Table::policies, id, policy_from);
  }
  Result<std::optional<BindingRow>> binding(std::string_view id) override {
    return one(store::Table::bindings, id, binding_from);
  }
  Result<std::optional<ProviderRow>> provider(std::string_view id) override {
    return one(store::Table::providers, id, provider_from);
  }
  Result<std::optional<SettingRow>> setting(std::string_view id) override {
    return one(store::Table::settings, id, setting_from);
  }
  Result<std::vector<CredentialRow>> credentials(std::vector<Problem>& damaged) override {
    return all(store::Table::credentials, damaged, credential_from);
  }
  Result<std::vector<CapabilityRow>> capabilities(std::vector<Problem>& damaged) override {
    return all(store::Table::capabilities, damaged, capability_from);
  }
  Result<std::vector<PolicyRow>> policies(std::vector<Problem>& damaged) override {
    return all(store::Table::policies, damaged, policy_from);
  }
  Result<std::vector<BindingRow>> bindings(std::vector<Problem>& damaged) override {
    return all(store::Table::bindings, damaged, binding_from);
  }
  Result<std::vector<ProviderRow>> providers(std::vector<Problem>& damaged) override {
    return all(store::Table::providers, damaged, provider_from);
  }
  Result<std::vector<SettingRow>> settings(std::vector<Problem>& damaged) override {
    return all(store::Table::settings, damaged, setting_from);
  }
  Result<std::vector<AgentRow>> agents(std::vector<Problem>& damaged) override {
    return all(store::Table::agents, damaged, agent_from);
  }
  Result<std::vector<TokenRow>> tokens(std::vector<Problem>& damaged) override {
    return all(store::Table::tokens, damaged, token_from);
  }
  Result<std::vector<CredentialRow>> credentials_of_secret(const SecretId& id) override {
    return rows_.credentials_of_secret(id.str());
  }
  Result<std::vector<BindingRow>> bindings_of_secret(const SecretId& id) override {
    return rows_.bindings_of_secret(id.str());
  }
  Result<std::vector<audit::Record>> audit(const audit::Filter& filter) override {
    return query_history(rows_, filter);
  }

 protected:
  Reading(store::Database& database, Judge& judge) : rows_(database, judge) {}
  RowReader& rows() { return rows_; }

 private:
  static Result<std::optional<SecretRecord>> record_of(Result<std::optional<StoredSecret>> stored) {
    TRY_ASSIGN(auto secret, std::move(stored));
    if (!secret) return std::optional<SecretRecord>();
    return std::optional(std::move(secret->record));
  }
  template <typename Record>
  Result<std::optional<Record>> one(store::Table table,
                                    std::string_view id,
                                    Record (*decode)(const store::Row&)) {
    TRY_ASSIGN(const auto row, rows_.find(table, id));
    return row ? std::optional(decode(*row)) : std::nullopt;
  }
  template <typename Record>
  Result<std::vector<Record>> all(store::Table table,
                                  std::vector<Problem>& damaged,
                                  Record (*decode)(const store::Row&)) {
    TRY_ASSIGN(const auto rows, rows_.all(table, damaged));
    std::vector<Record> records;
    records.reserve(rows.size());
    for (const auto& row : rows) records.push_back(decode(row));
    return records;
  }

  RowReader rows_;
};

}  // namespace aivault::vault
