#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include "store/statement.h"

namespace aivault::store {
namespace {

constexpr int kBusyTimeoutMs = 10'000;
constexpr int kStepsBetweenLooks = 1000;
constexpr int kLongestPauseMs = 25;
constexpr int kMaxColumns = 64;
constexpr int kMaxValueBytes = 64 << 20;

Error explain(int code, Failure failure) {
  if (failure == Failure::full) {
    return {ErrorCode::vault_unavailable, "not_writable", "vault not writable: disk is full", 0};
  }
  const std::string what = sqlite3_errstr(code);
  switch (code & 0xFF) {
    case SQLITE_NOMEM: throw std::bad_alloc();
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::vault_unavailable, "busy", "vault busy: another process uses it", 1};
    case SQLITE_INTERRUPT:
      return {ErrorCode::vault_unavailable, "busy", "vault busy: broken off", 0};
    case SQLITE_CANTOPEN:
      if (code == SQLITE_CANTOPEN_SYMLINK) {
        return {ErrorCode::vault_unavailable, "unsafe_path", "unsafe file: a symbolic link", 0};
      }
      [[fallthrough]];
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {ErrorCode::vault_unavailable, "not_writable", "vault not writable: " + what, 0};
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
      return {ErrorCode::invalid_request,
              "record_invalid",
              "the record does not fit the database (" + what + ")",
              0};
    default:
      return {ErrorCode::vault_unavailable,
              "damaged",
              "vault damaged (" + what + "): run `aivault restore` with a backup",
              0};
  }
}

Failure failure_of(sqlite3* handle, int code) {
  if (code == SQLITE_IOERR_SHMSIZE) return Failure::full;  // The index of the log could not grow.
  switch (code & 0xFF) {
    case SQLITE_FULL: return Failure::full;
    case SQLITE_READONLY: return Failure::read_only;
    case SQLITE_IOERR: {
      const int why = sqlite3_system_errno(handle);
      if (why == ENOSPC || why == EDQUOT) return Failure::full;
      return why == EROFS ? Failure::read_only : Failure::io;
    }
    default: return Failure::other;
  }
}

bool may_change_directory_of(const std::string& path) {
  struct statvfs facts{};
  if (::statvfs(path.c_str(), &facts) == 0 && (facts.f_flag & ST_RDONLY) != 0) return false;
  const auto directory = path.substr(0, path.rfind('/') + 1) + ".";
  return ::faccessat(AT_FDCWD, directory.c_str(), W_OK, AT_EACCESS) == 0 ||
         (errno != EACCES && errno != EROFS);
}

// A log that was left behind can only be read where its index can be written.
bool is_frozen(const std::string& path) {
  return !may_change_directory_of(path) && ::access((path + "-wal").c_str(), F_OK) != 0;
}

std::string frozen_uri(const std::string& path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F && c != '%' && c != '?' && c != '#') {
      uri += c;
    } else {
      uri += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
  }
  return uri + "?immutable=1";
}

// SQLite 3.40 forbids its own json_valid in a schema that is not trusted, because the function is
// not marked as harmless. This one is; json() does the work.
void json_valid(sqlite3_context* context, int, sqlite3_value** arguments) {
  sqlite3_stmt* parse = nullptr;
  sqlite3_prepare_v2(sqlite3_context_db_handle(context), "SELECT json(?1)", -1, &parse, nullptr);
  sqlite3_bind_value(parse, 1, arguments[0]);
  sqlite3_result_int(context, sqlite3_step(parse) == SQLITE_ROW ? 1 : 0);
  sqlite3_finalize(parse);
}

void configure(sqlite3* handle) {
  const std::pair<int, int> switches[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
      {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
      {SQLITE_DBCONFIG_DQS_DML, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},
  };
  for (const auto& [option, value] : switches) {
    sqlite3_db_config(handle, option, value, static_cast<int*>(nullptr));
  }
  sqlite3_limit(handle, SQLITE_LIMIT_COLUMN, kMaxColumns);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  sqlite3_create_function_v2(handle,
                             "json_valid",
                             1,
                             SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                             nullptr,
                             json_valid,
                             nullptr,
                             nullptr,
                             nullptr);
}

}  // namespace

Result<Database> Database::open(const std::string& path, const std::function<bool()>& make_room) {
  const bool frozen = is_frozen(path);
  const auto name = frozen ? frozen_uri(path) : path;
  const int access = frozen ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(),
                                   &handle,
                                   access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                                       SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE,
                                   nullptr);
  Database database(handle, path);
  if (code != SQLITE_OK) return fail(explain(code, Failure::other));
  configure(handle);
  auto ready = database.set_up();
  if (!ready && database.last_failure_ == Failure::full && make_room && make_room()) {
    ready = database.set_up();
  }
  TRY(std::move(ready));
  return database;
}

// The first look at the file makes its log and the index of it, if they are not there.
Result<void> Database::set_up() {
  return execute(
      "PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA cell_size_check=ON; PRAGMA "
      "mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA synchronous=FULL");
}

bool Database::is_read_only() const { return sqlite3_db_readonly(handle_, "main") != 0; }

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      path_(std::move(other.path_)),
      last_failure_(other.last_failure_),
      idle_(std::exchange(other.idle_, {})),
      level_(other.level_),
      patience_(std::move(other.patience_)) {}

Database& Database::operator=(Database&& other) noexcept {
  Database taken(std::move(other));
  std::swap(handle_, taken.handle_);
  std::swap(path_, taken.path_);
  std::swap(last_failure_, taken.last_failure_);
  std::swap(idle_, taken.idle_);
  std::swap(level_, taken.level_);
  std::swap(patience_, taken.patience_);
  return *this;
}

Database::~Database() {
  for (const auto& [literal, statement] : idle_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Error Database::error(int code) {
  last_failure_ = failure_of(handle_, code);
  return explain(code, last_failure_);
}

Result<void> Database::execute(Sql statements) {
  const int code = sqlite3_exec(handle_, statements.literal(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error(code));
  return {};
}

Result<void> Database::synchronise(Synchronous level) {
  if (level == level_) return {};
  TRY(level == Synchronous::full ? execute("PRAGMA synchronous=FULL")
                                 : execute("PRAGMA synchronous=NORMAL"));
  level_ = level;
  return {};
}

Result<void> Database::use_wal() {
  if (is_read_only()) return {};
  std::string mode;
  Statement statement(*this, "PRAGMA journal_mode=WAL");
  TRY(first_row(statement, [&](const Statement& row) { mode = row.text(0); }));
  if (mode != "wal") return vault_unavailable("not_writable", "vault not writable: no WAL");
  return {};
}

Result<bool> Database::truncate_wal() {
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) return fail(error(code));
  sqlite3_busy_timeout(handle_, 0);  // Try, but let nobody wait for it.
  const int truncated =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  wait_for_others();
  if ((truncated & 0xFF) == SQLITE_BUSY) return false;
  if (truncated != SQLITE_OK) return fail(error(truncated));
  return true;
}

Result<void> Database::copy_into(const std::string& path, const std::function<bool()>& goes_on) {
  constexpr int kStepsBetweenAsks = 10'000;
  const auto ask = [](void* question) {
    return (*static_cast<const std::function<bool()>*>(question))() ? 0 : 1;
  };
  sqlite3_progress_handler(handle_,
                           kStepsBetweenAsks,
                           ask,
                           const_cast<std::function<bool()>*>(&goes_on));  // NOLINT: C interface.
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 1);                        // The copy.
  // While it copies, SQLite takes its own json_valid instead of ours. It only parses the schema:
  // no check is evaluated, and there are neither triggers nor views.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, static_cast<int*>(nullptr));
  auto copied = Statement(*this, "VACUUM INTO ?1", path).run();
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, static_cast<int*>(nullptr));
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 0);
  look_again();
  if (!copied && !goes_on()) return vault_unavailable("busy", "vault busy: the copy was stopped");
  return copied;
}

bool Database::has_moved() {
  int moved = 1;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

void Database::work_while(std::function<bool()> goes_on) {
  patience_ = std::make_unique<Patience>(std::move(goes_on));
  look_again();
  wait_for_others();
}

// Also after somebody else had the one handler that there is.
void Database::look_again() {
  if (!patience_) {
    sqlite3_progress_handler(handle_, 0, nullptr, nullptr);
    return;
  }
  const auto ask = [](void* patience) {
    return static_cast<Patience*>(patience)->goes_on() ? 0 : 1;
  };
  sqlite3_progress_handler(handle_, kStepsBetweenLooks, ask, patience_.get());
}

void Database::wait_for_others() {
  if (!patience_) {
    sqlite3_busy_timeout(handle_, kBusyTimeoutMs);
    return;
  }
  const auto wait = [](void* raw, int times) {
    auto& patience = *static_cast<Patience*>(raw);
    if (times == 0) patience.waited_ms = 0;
    if (!patience.goes_on() || patience.waited_ms >= kBusyTimeoutMs) return 0;
    const int pause = std::min(1 + times, kLongestPauseMs);
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    patience.waited_ms += pause;
    return 1;
  };
  sqlite3_busy_handler(handle_, wait, patience_.get());
}

Result<std::vector<std::string>> Database::quick_check() {
  std::vector<std::string> findings;
  Statement check(*this, "PRAGMA quick_check(10)");
  while (true) {
    TRY_ASSIGN(const bool found, check.step());
    if (!found) return findings;
    if (check.text(0) != "ok") findings.emplace_back(check.text(0));
  }
}

Result<Transaction> Transaction::begin(Database& database, Kind kind) {
  TRY(Statement(database, kind == Kind::write ? Sql("BEGIN IMMEDIATE") : Sql("BEGIN")).run());
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // After some errors SQLite has rolled back by itself.
  if (database_ == nullptr || sqlite3_get_autocommit(database_->handle_) != 0) return;
  sqlite3_progress_handler(database_->handle_, 0, nullptr, nullptr);  // This is not broken off.
  (void)Statement(*database_, "ROLLBACK").run();
  database_->look_again();
}

Result<void> Transaction::commit() {
  auto done = Statement(*database_, "COMMIT").run();
  if (done) database_ = nullptr;
  return done;
}

}  // namespace aivault::store
