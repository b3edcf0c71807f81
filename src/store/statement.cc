#include "store/statement.h"

#include <sqlite3.h>

#include <utility>

namespace aivault::store {

Statement::Statement(Database& database, Sql sql, Unbound)
    : database_(&database), literal_(sql.literal()) {
  const auto idle = database.idle_.find(literal_);
  if (idle != database.idle_.end() && idle->second != nullptr) {
    handle_ = std::exchange(idle->second, nullptr);
    return;
  }
  note(sqlite3_prepare_v3(database.handle_,
                          literal_,
                          static_cast<int>(sql.text().size()),
                          SQLITE_PREPARE_PERSISTENT,
                          &handle_,
                          nullptr));
}

Statement::~Statement() {
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
  auto& idle = database_->idle_[literal_];
  if (idle == nullptr) {
    idle = handle_;
  } else {
    sqlite3_finalize(handle_);  // A second use at the same time.
  }
}

void Statement::note(int code) {
  if (failure_ == SQLITE_OK) failure_ = code;
}

void Statement::bind(std::int64_t value) {
  if (failure_ == SQLITE_OK) note(sqlite3_bind_int64(handle_, next_++, value));
}

// SQLITE_TRANSIENT copies: what is bound need not outlive the statement. A null pointer would
// bind NULL, hence the literal for empty text.
void Statement::bind(std::string_view text) {
  if (failure_ != SQLITE_OK) return;
  note(sqlite3_bind_text64(handle_,
                           next_++,
                           text.empty() ? "" : text.data(),
                           text.size(),
                           SQLITE_TRANSIENT,  // NOLINT
                           SQLITE_UTF8));
}

void Statement::bind(BlobView blob) {
  if (failure_ != SQLITE_OK) return;
  note(sqlite3_bind_blob64(handle_,
                           next_++,
                           blob.bytes.empty() ? "" : blob.bytes.data(),
                           blob.bytes.size(),
                           SQLITE_TRANSIENT));  // NOLINT
}

void Statement::bind(std::nullptr_t) {
  if (failure_ == SQLITE_OK) note(sqlite3_bind_null(handle_, next_++));
}

void Statement::bind(const Field& field) {
  if (const auto* integer = std::get_if<std::int64_t>(&field)) {
    bind(*integer);
  } else if (const auto* text = std::get_if<std::string>(&field)) {
    bind(std::string_view(*text));
  } else if (const auto* blob = std::get_if<Blob>(&field)) {
    bind(BlobView{blob->bytes});
  } else {
    bind(nullptr);
  }
}

void Statement::bind_all(const Row& row) {
  for (const auto& field : row) bind(field);
}

Result<bool> Statement::step() {
  if (failure_ != SQLITE_OK) return fail(database_->error(failure_));
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(database_->error(code));
}

Result<void> Statement::run() {
  TRY(step());
  return {};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return text == nullptr
             ? std::string_view()
             : std::string_view(text,
                                static_cast<std::size_t>(sqlite3_column_bytes(handle_, column)));
}

std::string_view Statement::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  return bytes == nullptr
             ? std::string_view()
             : std::string_view(bytes,
                                static_cast<std::size_t>(sqlite3_column_bytes(handle_, column)));
}

Field Statement::field(int column) const {
  switch (sqlite3_column_type(handle_, column)) {
    case SQLITE_INTEGER: return Field(integer(column));
    case SQLITE_TEXT: return text_field(std::string(text(column)));
    case SQLITE_BLOB: return blob_field(std::string(blob(column)));
    default: return {};
  }
}

Row Statement::row() const {
  Row row;
  const int columns = sqlite3_column_count(handle_);
  row.reserve(static_cast<std::size_t>(columns));
  for (int i = 0; i < columns; ++i) row.push_back(field(i));
  return row;
}

}  // namespace aivault::store
