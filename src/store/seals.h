// seals: the row of vault_state, and the entries of row_seals that stand for protected rows.
// Thread: that of the database. Errors: those of Database; damaged for an unknown table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"
#include "store/tables.h"

namespace aivault::store {

struct RowSeal {
  std::int64_t rev = 0;
  std::string mac;  // 32 bytes.
};
Result<std::optional<RowSeal>> find_seal(Database& database, Table table, std::string_view id);
Result<void> put_seal(Database& database, Table table, std::string_view id, const RowSeal& seal);
Result<void> remove_seal(Database& database, Table table, std::string_view id);
Result<void> scan_seals(
    Database& database,
    const std::function<Result<void>(Table table, std::string_view id, const RowSeal&)>& take);

struct StateRow {
  std::int64_t counter = 0, objects = 0, audit_seq = 0, last_ts_ms = 0;
  std::string audit_head;  // 32 bytes.
  std::string digest_nonce, digest_ct;
  bool operator==(const StateRow&) const = default;
};
Result<StateRow> load_state(Database& database);
Result<void> store_state(Database& database, const StateRow& state);
Result<std::int64_t> load_counter(Database& database);

}  // namespace aivault::store
