// aivault: the command line.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <exception>

#include "base/version.h"
#include "cli/argument_memory.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/parser.h"
#include "cli/reach.h"
#include "cli/secret_input.h"
#include "cli/session.h"

namespace aivault::cli {
namespace {

// A closed standard stream would otherwise become the next file or socket that is opened.
void fill_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) < 0) static_cast<void>(open("/dev/null", O_RDWR));
  }
}

int usage_error(Session& session, const std::string& what, const std::string& usage) {
  session.notice("error: " + what + "\n\nUsage: " + usage +
                 "\n\nFor more information, try '--help'.");
  return kUsage;
}

int run_command(Session& session, const Arguments& arguments) {
  const auto& command = arguments.command();
  for (const auto& flag : secret_flags()) {
    if (!session.has_argument_secret(flag.name)) continue;
    const auto name = "--" + std::string(flag.name);
    const std::string hint(flag.safe_form);
    if (session.environment().flag("AIVAULT_STRICT_ARGV")) {
      return usage_error(
          session, name + " is refused (AIVAULT_STRICT_ARGV); " + hint, command_usage(command));
    }
    session.warning(name + " is visible to other users of this machine; " + hint);
  }
  const auto status = command.run(session, arguments);
  if (status) return *status;
  if (status.error().reason != kAlreadyShown) session.notice(status.error().message);
  return kFailure;
}

int run_program(int count, char** words) {
  fill_standard_streams();
  std::signal(SIGPIPE, SIG_DFL);
  auto secrets = take_argument_secrets(count, words);
  if (!secrets.empty()) hide_memory();
  const auto parsed = parse(words_of(count, words));
  Session session(platform::Environment::of_process());
  session.argument_secrets = std::move(secrets);
  if (const auto* error = std::get_if<UsageError>(&parsed)) {
    return usage_error(session, error->what, error->usage);
  }
  if (const auto* missing = std::get_if<SubcommandMissing>(&parsed)) {
    session.notice(missing->help);
    return kUsage;
  }
  if (const auto* help = std::get_if<ShowHelp>(&parsed)) {
    session.print(help->text);
    return kSuccess;
  }
  if (std::holds_alternative<ShowVersion>(parsed)) {
    session.print("aivault " + std::string(version_text()) + "\n");
    return kSuccess;
  }
  return run_command(session, std::get<Arguments>(parsed));
}

}  // namespace
}  // namespace aivault::cli

int main(int count, char** words) {
  try {
    return aivault::cli::run_program(count, words);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "internal error: %s\n", exception.what());
    return aivault::cli::kFailure;
  }
}
