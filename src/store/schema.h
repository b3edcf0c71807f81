// schema: the tables of a vault, version 1, and the check that a database has exactly these.
// Thread: that of the database. Errors: damaged, newer_format, and those of Database.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "store/database.h"

namespace aivault::store {

inline constexpr std::int64_t kApplicationId = 0x41495654;  // "AIVT"
inline constexpr std::int64_t kSchemaVersion = 1;

Result<void> create_schema(Database& database);
// Any extra table, view or trigger and any changed definition is `damaged`.
Result<void> check_schema(Database& database);

}  // namespace aivault::store
