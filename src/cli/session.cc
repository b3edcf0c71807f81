#include "cli/session.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/exit_status.h"
#include "platform/terminal.h"

namespace aivault::cli {
namespace {

// False: the descriptor cannot be written; errno says why.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = write(descriptor, bytes.data(), bytes.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

Session::Session(platform::Environment environment)
    : environment_(std::move(environment)),
      stdin_is_terminal_(platform::is_terminal(STDIN_FILENO)),
      stdout_is_terminal_(platform::is_terminal(STDOUT_FILENO)),
      stderr_is_terminal_(platform::is_terminal(STDERR_FILENO)),
      style_(Style::of(environment_, stdout_is_terminal_)) {}

bool Session::has_argument_secret(std::string_view flag) const {
  return std::ranges::count(argument_secrets, flag, &ArgumentSecret::flag) > 0;
}

std::optional<Secret> Session::take_argument_secret(std::string_view flag) {
  std::optional<Secret> last;
  for (auto& secret : argument_secrets) {
    if (secret.flag == flag) last = std::move(secret.value);
  }
  std::erase_if(argument_secrets, [flag](const auto& secret) { return secret.flag == flag; });
  return last;
}

void Session::print(std::string_view bytes) {
  if (write_all(STDOUT_FILENO, bytes)) return;
  const int error = errno;
  if (error == EPIPE) {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  notice(std::string("cannot write to stdout: ") + std::strerror(error));
  std::_Exit(kFailure);
}

void Session::print_json(const json::Value& value, json::Order order) {
  print(json::pretty(value, order));
}

void Session::notice(std::string_view text) {
  auto line = stderr_is_terminal_ ? platform::escape_for_terminal(text) : std::string(text);
  if (!line.ends_with('\n')) line += '\n';
  write_all(STDERR_FILENO, line);
}

void Session::warning(std::string_view text) { notice("warning: " + std::string(text)); }

}  // namespace aivault::cli
