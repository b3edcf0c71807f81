// tables: the protected tables, handled alike: rows as fields in schema order, found by id.
// Thread: that of the database. Errors: those of Database.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "store/database.h"
#include "store/field.h"

namespace aivault::store {

enum class Table : std::uint8_t {
  vault,
  vault_keys,
  secrets,
  credentials,
  capabilities,
  policies,
  bindings,
  providers,
  agents,
  tokens,
  approvals,
  settings,
  audit_segments,
};
inline constexpr std::array kTables{Table::vault,
                                    Table::vault_keys,
                                    Table::secrets,
                                    Table::credentials,
                                    Table::capabilities,
                                    Table::policies,
                                    Table::bindings,
                                    Table::providers,
                                    Table::agents,
                                    Table::tokens,
                                    Table::approvals,
                                    Table::settings,
                                    Table::audit_segments};

std::string_view name_of(Table table);
std::optional<Table> table_named(std::string_view name);

// The id of a row, which is its first column. The one row of `vault` has the id "1".
std::string id_of(const Row& row);

Result<std::optional<Row>> find_row(Database& database, Table table, std::string_view id);
// In the order of ids. An error of `take` ends the scan and is returned.
Result<void> scan_rows(Database& database,
                       Table table,
                       const std::function<Result<void>(const Row&)>& take);
Result<void> put_row(Database& database, Table table, const Row& row);
Result<void> remove_row(Database& database, Table table, std::string_view id);

}  // namespace aivault::store
