// Database: one SQLite connection with the settings that a vault requires: no link is followed,
// no extension loaded, no schema trusted, deleted content is zeroed.
// Thread: one at a time. Errors: vault_unavailable not_writable | damaged | busy | unsafe_path;
// std::bad_alloc when memory is out. Messages never quote a row.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/sql.h"

struct sqlite3;
struct sqlite3_stmt;

namespace aivault::store {

enum class Synchronous : std::uint8_t { normal, full };
// Why a statement could not write: full counts quotas too.
enum class Failure : std::uint8_t { none, full, io, read_only, other };

class Database {
 public:
  // The file must exist. What cannot be written is opened for reading; on a read-only file system
  // or in a directory that we may not change, without a write-ahead log, as a file that nobody
  // changes. `make_room` is asked when the disk is full; true: there is room now, it is tried
  // again.
  static Result<Database> open(const std::string& path,
                               const std::function<bool()>& make_room = nullptr);

  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  const std::string& path() const { return path_; }
  bool is_read_only() const;
  Failure last_failure() const { return last_failure_; }  // Of the last error that was returned.

  // Statements without parameters and without a result; several are separated by ';'.
  Result<void> execute(Sql statements);
  Result<void> synchronise(Synchronous level);  // Outside of a transaction.
  Result<void> use_wal();                       // Stays so in the file.
  // Copies the WAL into the database and empties it; false: a reader is in the way.
  Result<bool> truncate_wal();
  // One moment of the database as a new database at `path`, an empty file. Writers go on meanwhile.
  // Stops with busy once `goes_on` says no; it is asked often. Outside of a transaction.
  Result<void> copy_into(const std::string& path, const std::function<bool()>& goes_on);
  // Is the file that was opened no longer the one at its path?
  bool has_moved();
  // Statements from now on, waiting ones too, end with busy once `goes_on` says no; it is asked
  // often.
  void work_while(std::function<bool()> goes_on);
  // Lines of PRAGMA quick_check other than "ok", at most 10.
  Result<std::vector<std::string>> quick_check();

 private:
  friend class Statement;
  friend class Transaction;
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  struct Patience {
    std::function<bool()> goes_on;
    int waited_ms = 0;
  };
  void look_again();
  void wait_for_others();
  Result<void> set_up();
  Error error(int code);

  sqlite3* handle_ = nullptr;  // Owned.
  std::string path_;
  Failure last_failure_ = Failure::none;
  std::unordered_map<const char*, sqlite3_stmt*> idle_;  // Prepared, by address of the literal.
  Synchronous level_ = Synchronous::full;
  std::unique_ptr<Patience> patience_;  // At a fixed address, for SQLite.
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
