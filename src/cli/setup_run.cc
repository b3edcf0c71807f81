#include "cli/setup_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "cli/routes.h"
#include "platform/descriptor.h"
#include "platform/spawn.h"

namespace aivault::cli {
namespace {

constexpr std::chrono::minutes kProgramLimit{2};
constexpr std::size_t kMaxFile = std::size_t{64} << 10U;
constexpr mode_t kReadable = 0644;
constexpr mode_t kDirectoryMode = 0755;

auto failed(std::string message) { return vault_unavailable("", std::move(message)); }
auto os_failure(std::string_view what, const std::string& path) {
  return failed(std::string(what) + " '" + path + "': " + std::strerror(errno));
}

// nullopt: not there, or nothing that was written by us.
std::optional<std::string> content_of(const std::string& path) {
  const platform::Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string content;
  std::array<char, 4096> piece{};
  while (content.size() <= kMaxFile) {
    const auto got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return content;
    content.append(piece.data(), static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

Result<void> replace(const std::string& path, const std::string& content) {
  const auto directory = directory_of(path);
  if (::mkdir(directory.c_str(), kDirectoryMode) == 0) ::chmod(directory.c_str(), kDirectoryMode);
  const auto aside = path + ".new." + std::to_string(::getpid());
  const platform::Descriptor file(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kReadable));
  if (!file) return os_failure("cannot write", path);
  const bool written = write_all(file.get(), content) && ::fchmod(file.get(), kReadable) == 0 &&
                       ::fsync(file.get()) == 0 && ::rename(aside.c_str(), path.c_str()) == 0;
  if (written) return {};
  auto error = os_failure("cannot write", path);
  ::unlink(aside.c_str());
  return error;
}

}  // namespace

std::optional<std::string> find_system_program(std::string_view name) {
  constexpr auto kDirectories =
      std::to_array<std::string_view>({"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"});
  for (const auto directory : kDirectories) {
    auto path = std::string(directory) + std::string(name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

Result<SetupRun> SetupRun::begin(Session& session, Mode mode) {
  if (mode == Mode::real && ::geteuid() != 0) return failed("this command requires sudo/root");
  return SetupRun(session, mode);
}

Result<void> SetupRun::require(bool holds, const std::string& otherwise) {
  if (holds) return {};
  if (!is_dry()) return failed(otherwise);
  session_->warning(otherwise);
  return {};
}

std::string SetupRun::joined(const Words& command) {
  std::string line;
  for (const auto& word : command) line += (line.empty() ? "" : " ") + word;
  return line;
}

Result<void> SetupRun::show(const Words& command) {
  session_->print("$ " + joined(command) + "\n");
  return {};
}

Error SetupRun::explain(Error error) const {
  if (!done_.empty()) error.message += "\nalready done:";
  for (const auto& step : done_) error.message += "\n  " + step;
  return error;
}

Result<void> SetupRun::run(const Words& command, int input) {
  if (is_dry()) return show(command);
  const auto refuse = [this](const std::string& message) {
    return fail(explain(Error{ErrorCode::vault_unavailable, "", message, 0}));
  };
  const auto program = find_system_program(command.front());
  if (!program) return refuse("'" + command.front() + "' is not installed");
  auto child = platform::spawn({.path = *program,
                                .arguments = {command.begin() + 1, command.end()},
                                .environment = {},
                                .input = input,
                                .error_stream = platform::ErrorStream::inherited});
  if (!child) return fail(explain(child.error()));
  const auto status = child->wait(kProgramLimit);
  if (status != 0) {
    const auto how = status ? "exit " + std::to_string(*status) : "no end within two minutes";
    return refuse("command failed: " + command.front() + " (" + how + ")");
  }
  done_.push_back(joined(command));
  return {};
}

Result<void> SetupRun::run_one_of(const std::vector<Words>& alternatives) {
  for (const auto& command : alternatives) {
    if (find_system_program(command.front())) return run(command);
  }
  return run(alternatives.front());
}

std::optional<int> SetupRun::ask(const Words& command) const {
  const auto program = find_system_program(command.front());
  if (!program) return std::nullopt;
  auto child = platform::spawn(
      {.path = *program, .arguments = {command.begin() + 1, command.end()}, .environment = {}});
  return child ? child->wait(kProgramLimit) : std::nullopt;
}

Result<bool> SetupRun::write(const std::string& path, const std::string& content) {
  if (content_of(path) == content) return false;
  if (is_dry()) {
    session_->print("Would write: " + path + "\n" + content);
    return true;
  }
  if (auto written = replace(path, content); !written) {
    return fail(explain(std::move(written).error()));
  }
  done_.push_back("wrote " + path);
  return true;
}

void SetupRun::finish(std::string_view text) {
  session_->print(is_dry() ? std::string_view("Dry run: nothing was changed.\n") : text);
}

}  // namespace aivault::cli
