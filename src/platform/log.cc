#include "platform/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <utility>

#include "base/text.h"
#include "platform/os_error.h"

namespace aivault::platform {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"error", "warn", "info", "debug"};
constexpr std::array<std::string_view, 4> kPriorities = {"<3>", "<4>", "<6>", "<7>"};
constexpr std::size_t kMaxValue = 256;  // Bytes, before escaping.
constexpr std::uint64_t kMaxFile = 1U << 20U;
constexpr int kMaxLinesPerSecond = 100;

std::string time_text(UnixMs at) {
  const std::int64_t ms = to_int(at);
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "-";
  std::array<char, 32> buffer{};
  const int length = std::snprintf(buffer.data(),
                                   buffer.size(),
                                   "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                   parts.tm_year + 1900,
                                   parts.tm_mon + 1,
                                   parts.tm_mday,
                                   parts.tm_hour,
                                   parts.tm_min,
                                   parts.tm_sec,
                                   static_cast<int>(ms % 1000));
  return {buffer.data(), static_cast<std::size_t>(length)};
}

std::string hex_byte(char c) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
}

// Bytes at `text` that a terminal obeys although they are valid UTF-8: C1 controls (two bytes) and
// bidirectional overrides (three).
std::size_t commanding_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  if (at(0) == 0xC2 && at(1) >= 0x80 && at(1) <= 0x9F) return 2;
  if (at(0) != 0xE2) return 0;
  if (at(1) == 0x80 && at(2) >= 0xAA && at(2) <= 0xAE) return 3;
  if (at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9) return 3;
  return 0;
}

std::string escaped(std::string_view value) {
  const bool cut = value.size() > kMaxValue;
  value = value.substr(0, kMaxValue);
  // A value cut inside a character is escaped byte by byte, which is still readable.
  const bool utf8 = is_valid_utf8(value);
  bool plain = !value.empty() && !cut;
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const auto byte = static_cast<unsigned char>(c);
    if (const std::size_t length = commanding_sequence(value.substr(i)); length > 0) {
      for (const char part : value.substr(i, length)) out += hex_byte(part);
      i += length - 1;
      plain = false;
    } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !utf8)) {
      out += hex_byte(c);
      plain = false;
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
      plain = false;
    } else {
      out += c;
      plain = plain && c != ' ' && c != '=';
    }
  }
  if (cut) out += "...";
  return plain ? out : '"' + out + '"';
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(descriptor, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

Result<Descriptor> open_log(int directory, const std::string& name) {
  Descriptor file(::openat(directory,
                           name.c_str(),
                           O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                           S_IRUSR | S_IWUSR));
  if (!file) {
    return vault_unavailable("internal", "cannot open '" + name + "': " + os_text(errno));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1 ||
      status.st_uid != ::geteuid()) {
    return vault_unavailable("unsafe_path", "'" + name + "' is not a log file of ours");
  }
  return file;
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (equals_ignore_case(text, kLevels[i])) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

Log::Log(int descriptor, Options options)
    : descriptor_(descriptor), options_(std::move(options)), level_(options_.level) {
  if (!options_.clock) {
    options_.clock = [] {
      return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    };
  }
}

Log::~Log() { tell_dropped(options_.clock()); }

Result<void> Log::move_to_file(Descriptor directory, std::string name) {
  const std::lock_guard lock(guard_);
  TRY_ASSIGN(auto file, open_log(directory.get(), name));
  options_.journal = false;
  directory_ = std::move(directory);
  file_name_ = std::move(name);
  use(std::move(file));
  return {};
}

Result<void> Log::reopen() {
  const std::lock_guard lock(guard_);
  if (!directory_) return {};
  TRY_ASSIGN(auto file, open_log(directory_.get(), file_name_));
  use(std::move(file));
  return {};
}

void Log::use(Descriptor file) {
  struct stat status{};
  ::fstat(file.get(), &status);
  file_ = std::move(file);
  file_size_ = static_cast<std::uint64_t>(status.st_size);
  descriptor_ = file_.get();
}

void Log::error(std::string_view event, std::initializer_list<LogField> fields) {
  write(LogLevel::error, event, fields);
}
void Log::warn(std::string_view event, std::initializer_list<LogField> fields) {
  write(LogLevel::warn, event, fields);
}
void Log::info(std::string_view event, std::initializer_list<LogField> fields) {
  write(LogLevel::info, event, fields);
}

void Log::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level > level_) return;
  const std::lock_guard lock(guard_);
  const UnixMs now = options_.clock();
  const std::int64_t second = to_int(now) / 1000;
  if (second != second_) {
    tell_dropped(now);
    second_ = second;
    lines_ = 0;
  }
  if (lines_ >= kMaxLinesPerSecond) {
    ++dropped_;
    ++dropped_in_all_;
    return;
  }
  ++lines_;
  put_line(now, level, event, fields);
}

void Log::put_line(UnixMs now,
                   LogLevel level,
                   std::string_view event,
                   std::initializer_list<LogField> fields) {
  const auto index = static_cast<std::size_t>(level);
  std::string line = options_.journal ? std::string(kPriorities[index]) : time_text(now) + " ";
  line += kLevels[index];
  line += ' ';
  line += event;
  for (const auto& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += escaped(field.value);
  }
  line += '\n';
  if (file_ && file_size_ + line.size() > kMaxFile) rotate();
  write_all(descriptor_, line);
  file_size_ += line.size();
}

void Log::tell_dropped(UnixMs now) {
  if (dropped_ == 0) return;
  put_line(now, LogLevel::warn, "log.dropped", {{"lines", std::to_string(dropped_)}});
  dropped_ = 0;
}

void Log::rotate() {
  const std::string older = file_name_ + ".1";
  static_cast<void>(
      ::renameat(directory_.get(), file_name_.c_str(), directory_.get(), older.c_str()));
  file_size_ = 0;  // Also when it failed: tried again after another MiB, not at every line.
  if (auto file = open_log(directory_.get(), file_name_)) {
    file_ = *std::move(file);
    descriptor_ = file_.get();
  }
}

bool is_journal(int descriptor, const std::optional<std::string>& journal_stream) {
  struct stat status{};
  if (!journal_stream || ::fstat(descriptor, &status) != 0) return false;
  return *journal_stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace aivault::platform
