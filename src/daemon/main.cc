// aivaultd: the daemon. This file is the order of a start.
#include <malloc.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded_blocks.h"
#include "base/version.h"
#include "daemon/arguments.h"
#include "daemon/effective.h"
#include "daemon/readiness.h"
#include "daemon/reload.h"
#include "daemon/sandbox_paths.h"
#include "daemon/sandbox_trial.h"
#include "daemon/serve.h"
#include "daemon/service_manager.h"
#include "daemon/settings.h"
#include "daemon/sockets.h"
#include "json/write.h"
#include "platform/environment.h"
#include "platform/hardening.h"
#include "platform/key_variables.h"
#include "platform/log.h"
#include "sandbox/sandbox.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// The leak checker traces its own process, which an undumpable one does not allow.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the runtime's name.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
#endif
#endif

namespace aivault::daemon {
namespace {

constexpr int kStartError = 1;
constexpr int kUsageError = 2;

void print(std::FILE* stream, std::string_view text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stream));
}

void ignore(int number) {
  struct sigaction nothing{};
  nothing.sa_handler = SIG_IGN;
  static_cast<void>(::sigaction(number, &nothing, nullptr));
}

// glibc learns from large blocks that were freed to keep more of them. What a flood took goes back
// to the system instead, or a daemon with a limit of memory has none left for its operator.
void give_memory_back() {
  constexpr int kLargeBlock = 256 << 10;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet.
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, kLargeBlock));
}

// As pid 1 it gets the orphans of others; what is ignored is gone at its end.
void leave_no_zombies() {
  ignore(SIGCHLD);
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

void warn_of_surroundings(const Settings& settings,
                          const platform::Environment& environment,
                          const platform::HardeningState& state,
                          platform::Log& log) {
  const auto home = environment.text("HOME");
  const auto used = platform::home_directory(environment);
  if (!settings.places.own_directory && home && used && *home != *used && *home != *used + "/") {
    log.warn("home.set_aside", {{"home", *home}, {"used", *used}});
  }
  if (state.user_namespace) log.warn("user_namespace", {{"effect", "callers may be hidden"}});
  if (settings.private_child) return;
  if (!state.memory_locked) {
    log.warn("memory.not_locked", {{"effect", "secrets may reach swap"}});
  }
  if (::geteuid() == 0) log.warn("daemon.runs_as_root", {{"vault", settings.places.vault_root}});
}

// A key in a variable goes into locked memory before any other thread exists. The header, which
// anybody may have written, only says which variable to look at.
void take_keys(Settings& settings,
               const platform::Environment& environment,
               std::shared_ptr<platform::KeyVariables> keys) {
  const auto claimed = vault::Vault::claimed_status(settings.vault.location);
  if (claimed.key_variable) keys->take(*claimed.key_variable);
  settings.vault.keys.variables = std::move(keys);
  settings.vault.keys.credentials_directory =
      environment.path("CREDENTIALS_DIRECTORY").value_or("");
}

auto incomplete_sandbox(const std::string& why) {
  return vault_unavailable("internal",
                           "sandbox.require is set, and the sandbox is incomplete: " + why);
}

// The last thing before there are threads, and before a byte of a caller is read. A private child
// with one connection works for the operator at its terminal, on paths that the operator names, so
// that only its system calls are restricted. One that is passed connections serves programs, and no
// request of theirs names a path.
Result<void> enter_sandbox(const Settings& settings,
                           const Sockets& sockets,
                           const ServiceManager& manager,
                           platform::Log& log) {
  auto paths = sandbox_paths(settings);
  paths.keeps_abstract_sockets = manager.is_abstract();
  if (settings.private_child) {
    return sandbox::enter(
        paths,
        passes_connections(sockets) ? sandbox::Files::restricted : sandbox::Files::unrestricted);
  }
  if (!settings.sandbox.enforced) {
    log.warn("sandbox.off", {{"reason", "sandbox.mode"}});
    return {};
  }
  TRY(sandbox::enter(paths, sandbox::Files::restricted));
  if (!sandbox::is_built_in()) {
    if (settings.sandbox.required) return incomplete_sandbox("this build has none");
    log.warn("sandbox.off", {{"reason", "a build with sanitizers"}});
    return {};
  }
  const auto report = sandbox::report();
  const bool whole = report.landlock == sandbox::State::on && report.seccomp == sandbox::State::on;
  if (!whole && settings.sandbox.required) {
    return incomplete_sandbox("landlock is " + std::string(name_of(report.landlock)) +
                              ", seccomp is " + std::string(name_of(report.seccomp)));
  }
  if (!whole) {
    log.warn("sandbox.incomplete",
             {{"landlock", std::string(name_of(report.landlock))},
              {"seccomp", std::string(name_of(report.seccomp))}});
  }
  return {};
}

Result<int> start(const Arguments& arguments,
                  const platform::Environment& environment,
                  std::shared_ptr<platform::KeyVariables> keys,
                  Readiness& readiness) {
  TRY_ASSIGN(const auto ready, ready_descriptor(environment));
  TRY_ASSIGN(const auto passed, passed_descriptors(environment));
  std::vector<int> kept;
  if (ready) kept.push_back(*ready);
  for (const auto& each : passed) kept.push_back(each.descriptor);
  TRY(platform::settle_descriptors(std::move(kept)));
  if (ready) readiness = Readiness(platform::Descriptor(*ready));
  leave_no_zombies();
  give_memory_back();
  ::umask(S_IRWXG | S_IRWXO);
  if (::chdir("/") != 0) return vault_unavailable("internal", "cannot enter /");

  TRY_ASSIGN(auto settings, make_settings(arguments, environment));
  if (arguments.checks_config) {
    print(stdout, json::pretty(effective_settings(settings), json::Order::alphabetical) + "\n");
    return 0;
  }
  // Before a service manager's sockets count as settings.
  Reload::Configuration configuration{
      effective_keys(settings), settings.configuration_files, [&arguments, &environment] {
        return read_settings(arguments, environment);
      }};
  TRY_ASSIGN(const auto owner, check_owner(settings));
  TRY(platform::drop_privileges(owner));
  take_keys(settings, environment, std::move(keys));
  const std::size_t max_descriptors = platform::raise_limits();
  const auto state = platform::read_hardening();
  if (settings.require_locked_memory && !state.memory_locked) {
    return vault_unavailable("internal", "memory cannot be locked (AIVAULTD_REQUIRE_MLOCK)");
  }
  platform::Log log(
      STDERR_FILENO,
      {.level = settings.log_level,
       .journal = platform::is_journal(STDERR_FILENO, environment.text("JOURNAL_STREAM")),
       .clock = {}});
  TRY_ASSIGN(auto taken, take_sockets(settings, passed));
  if (!taken.sockets) {
    print(stderr, "aivaultd is already running at '" + taken.occupied + "'\n");
    return 0;
  }
  auto& sockets = *taken.sockets;
  const auto claims = sockets.claims();
  if (readiness.is_awaited() && !claims.empty()) {
    TRY(log.move_to_file(claims.front()->directory.reopen(), "aivaultd.log"));
  }
  warn_of_surroundings(settings, environment, state, log);
  const auto manager =
      settings.private_child ? ServiceManager() : ServiceManager::from(environment);
  if (auto entered = enter_sandbox(settings, sockets, manager, log); !entered) {
    sockets.give_up_paths();
    return fail(std::move(entered).error());
  }
  auto status =
      serve(settings, std::move(configuration), sockets, manager, readiness, log, max_descriptors);
  if (!status) sockets.give_up_paths();
  return status;
}

int run(int count, char** words) {
  if (!platform::forbid_inspection()) {
    print(stderr, "aivaultd must not be started with raised privileges\n");
    return kStartError;
  }
  guarded::prefer_secret_memory();
  ignore(SIGPIPE);
  ignore(SIGXFSZ);  // A file that may not grow is a full disk, not our end.
  ignore(SIGHUP);   // A closed terminal ends no daemon; the event loop hears of it later.
  const auto keys = std::make_shared<platform::KeyVariables>();
  keys->take("AIVAULT_KEY");
  platform::clean_environment();
  const auto environment = platform::Environment::of_process();
  const std::vector<std::string_view> list(words + (count > 0 ? 1 : 0), words + count);
  const auto parsed = parse_arguments(list);
  if (const auto* error = std::get_if<UsageError>(&parsed)) {
    print(stderr,
          "error: " + error->what + "\n\nUsage: " + std::string(kUsage) +
              "\n\nFor more information, try '--help'.\n");
    return kUsageError;
  }
  if (std::holds_alternative<ShowHelp>(parsed)) {
    print(stdout, kHelp);
    return 0;
  }
  if (std::holds_alternative<ShowVersion>(parsed)) {
    print(stdout, "aivaultd " + std::string(version_text()) + "\n");
    return 0;
  }
  if (std::get<Arguments>(parsed).tests_sandbox) return test_sandbox();
  Readiness readiness;
  const auto status = start(std::get<Arguments>(parsed), environment, keys, readiness);
  if (status) return *status;
  print(stderr, status.error().message + "\n");
  readiness.tell_error(status.error().message);
  return kStartError;
}

}  // namespace
}  // namespace aivault::daemon

int main(int count, char** words) {
  try {
    return aivault::daemon::run(count, words);
  } catch (const std::exception& exception) {
    aivault::daemon::print(stderr, std::string("internal error: ") + exception.what() + "\n");
    return 1;
  }
}
