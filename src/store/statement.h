// Statement: one use of a prepared statement. Parameters are bound by the constructor, in order;
// a failure to prepare or bind is reported by step().
// Thread: that of its database, which must outlive it. Errors: those of Database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"
#include "store/field.h"

namespace aivault::store {

class Statement {
 public:
  template <typename... Parameters>
  Statement(Database& database, Sql sql, const Parameters&... parameters)
      : Statement(database, sql, Unbound{}) {
    (bind(parameters), ...);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement(Statement&&) = delete;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  void bind_all(const Row& row);

  Result<bool> step();  // true: there is a row.
  Result<void> run();   // For statements without a result.

  // Of the current row. Views are valid until the next step.
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;
  std::string_view blob(int column) const;
  Field field(int column) const;
  Row row() const;

 private:
  struct Unbound {};
  Statement(Database& database, Sql sql, Unbound);

  void bind(std::int64_t value);
  void bind(int value) { bind(std::int64_t{value}); }
  void bind(std::string_view text);
  void bind(const std::string& text) { bind(std::string_view(text)); }
  void bind(const char* text) { bind(std::string_view(text)); }
  void bind(BlobView blob);
  void bind(std::nullptr_t);
  void bind(const Field& field);
  template <typename T>
  void bind(const std::optional<T>& value) {
    if (value) {
      bind(*value);
    } else {
      bind(nullptr);
    }
  }
  void note(int code);

  Database* database_;
  const char* literal_;
  sqlite3_stmt* handle_ = nullptr;
  int next_ = 1;
  int failure_ = 0;
};

// True if the statement gives a row, which `take` then reads.
template <typename Take>
Result<bool> first_row(Statement& statement, Take take) {
  TRY_ASSIGN(const bool found, statement.step());
  if (found) take(statement);
  return found;
}

}  // namespace aivault::store
