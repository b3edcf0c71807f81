// RowReader: verified reads of protected rows in one snapshot. Nothing that failed its check
// leaves here; the row that failed is named and reported.
// Thread: that of the database. Errors: row_integrity `row integrity check failed: table/id: what`
// and those of the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "store/statement.h"
#include "vault/keyring.h"
#include "vault/rows.h"
#include "vault/vault.h"

namespace aivault::vault {

// What the rows of one snapshot are judged by.
class Judge {
 public:
  virtual ~Judge() = default;
  // false: there are no keys to judge by, and nothing that is read may be relied on.
  virtual bool can_judge() const { return true; }
  virtual const MasterKeys& keys() const = 0;
  virtual std::optional<std::int64_t> rev_of(store::Table table, std::string_view id) const = 0;
  virtual std::vector<std::string> ids(store::Table table) const = 0;
  virtual void report(const Problem& problem) = 0;
};

class RowReader {
 public:
  RowReader(store::Database& database, Judge& judge) : database_(database), judge_(judge) {}

  Result<std::optional<StoredSecret>> secret(std::string_view id);
  Result<std::optional<StoredSecret>> secret_by_name(const Scope& scope, std::string_view name);
  Result<std::vector<SecretRecord>> secrets(const SecretFilter& filter,
                                            const std::optional<Reader::After>& after,
                                            std::size_t limit,
                                            std::vector<Problem>& damaged);
  Result<DueSecrets> due_secrets(UnixMs now,
                                 std::chrono::milliseconds notice,
                                 std::size_t limit,
                                 std::vector<Problem>& damaged);
  Result<SecretCounts> count_secrets(UnixMs now, std::chrono::milliseconds notice);
  // The value of a secret that was read here, as it is stored.
  Result<crypto::Sealed> sealed_value(const StoredSecret& secret);
  Result<Secret> open(const StoredSecret& secret, const crypto::Sealed& value);
  Result<Secret> open(const StoredSecret& secret);

  Result<std::optional<store::Row>> find(store::Table table, std::string_view id);
  // Sorted by id; rows that fail, and rows that should be there, go to `damaged`.
  Result<std::vector<store::Row>> all(store::Table table, std::vector<Problem>& damaged);
  Result<std::vector<CredentialRow>> credentials_of_secret(std::string_view secret_id);
  Result<std::vector<BindingRow>> bindings_of_secret(std::string_view secret_id);

  store::Database& database() { return database_; }

 private:
  Result<void> verify(store::Table table,
                      std::string_view id,
                      const store::Row& row,
                      const SecretRecord* lists);
  Result<StoredSecret> complete_secret(const store::Row& row);
  template <typename Record>
  Result<std::vector<Record>> selected(store::Table table,
                                       store::Statement select,
                                       Record (*decode)(const store::Row&));
  Result<bool> has_every_row();
  Result<void> find_missing_secrets(std::vector<Problem>& damaged);
  Result<void> load_names(SecretRecord& record);
  Result<void> load_groups(SecretRecord& record);
  Result<void> load_usage(SecretRecord& record);
  tl::unexpected<Error> refuse(store::Table table, std::string_view id, const std::string& what);

  store::Database& database_;
  Judge& judge_;
};

}  // namespace aivault::vault
