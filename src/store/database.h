// Database: one SQLite connection with the settings that a vault requires: no link is followed,
// no extension loaded, no schema trusted, deleted content is zeroed.
// Thread: one at a time. Errors: vault_unavailable not_writable | damaged | busy | unsafe_path;
// std::bad_alloc when memory is out. Messages never quote a row.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/sql.h"

struct sqlite3;
struct sqlite3_stmt;

namespace aivault::store {

enum class Synchronous : std::uint8_t { normal, full };

class Database {
 public:
  // The file must exist.
  static Result<Database> open(const std::string& path);

  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  // Statements without parameters and without a result; several are separated by ';'.
  Result<void> execute(Sql statements);
  Result<void> synchronise(Synchronous level);  // Outside of a transaction.
  Result<void> use_wal();                       // Stays so in the file.
  // Copies the WAL into the database and empties it; false: a reader is in the way.
  Result<bool> truncate_wal();
  // Is the file that was opened no longer the one at its path?
  bool has_moved();
  // Lines of PRAGMA quick_check other than "ok", at most 10.
  Result<std::vector<std::string>> quick_check();

 private:
  friend class Statement;
  friend class Transaction;
  explicit Database(sqlite3* handle) : handle_(handle) {}

  Error error(int code) const;

  sqlite3* handle_ = nullptr;                            // Owned.
  std::unordered_map<const char*, sqlite3_stmt*> idle_;  // Prepared, by address of the literal.
  Synchronous level_ = Synchronous::full;
};

enum class Kind : std::uint8_t { read, write };

// Rolls back unless it was committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database, Kind kind);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;  // nullptr: ended.
};

}  // namespace aivault::store
