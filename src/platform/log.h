// Log: one line per event: time, level, event, key=value. Values are escaped and cut at 256 bytes;
// at most 100 lines are written per second and the number of dropped ones is told. Callers pass
// names, counts and states: never a value, key, token, header value, query or body.
// Thread: any. Errors: a line that cannot be written is lost.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "platform/descriptor.h"

namespace aivault::platform {

enum class LogLevel : std::uint8_t { error, warn, info, debug };
std::optional<LogLevel> parse_log_level(std::string_view text);

struct LogField {
  std::string_view key;
  std::string value;
};

class Log {
 public:
  struct Options {
    LogLevel level = LogLevel::info;
    // The stream is the journal's: a priority prefix replaces the time.
    bool journal = false;
    std::function<UnixMs()> clock;  // Empty: the system's.
  };
  // Lines go to `descriptor`, which stays the caller's.
  Log(int descriptor, Options options);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  Log(Log&&) = delete;
  Log& operator=(Log&&) = delete;
  ~Log();

  // Lines go to the file `name` in `directory` (0600) from now on; at 1 MiB it is renamed to
  // `name`.1. Errors: vault_unavailable unsafe_path | internal.
  Result<void> move_to_file(Descriptor directory, std::string name);
  // Opens that file anew, should somebody have moved it away; without one nothing happens.
  Result<void> reopen();
  void set_level(LogLevel level) { level_ = level; }

  // Lines beyond the bound, since the start.
  std::uint64_t dropped() const { return dropped_in_all_; }

  void error(std::string_view event, std::initializer_list<LogField> fields = {});
  void warn(std::string_view event, std::initializer_list<LogField> fields = {});
  void info(std::string_view event, std::initializer_list<LogField> fields = {});

 private:
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);
  void put_line(UnixMs now,
                LogLevel level,
                std::string_view event,
                std::initializer_list<LogField> fields);
  void tell_dropped(UnixMs now);
  void rotate();
  void use(Descriptor file);

  std::mutex guard_;
  int descriptor_;
  Options options_;
  std::atomic<LogLevel> level_;
  Descriptor directory_, file_;
  std::string file_name_;
  std::uint64_t file_size_ = 0;
  std::int64_t second_ = 0;  // Which one the counters are of.
  int lines_ = 0;
  std::int64_t dropped_ = 0;
  std::atomic<std::uint64_t> dropped_in_all_ = 0;
};

// Whether `descriptor` is the stream that JOURNAL_STREAM ("device:inode") names.
bool is_journal(int descriptor, const std::optional<std::string>& journal_stream);

}  // namespace aivault::platform
