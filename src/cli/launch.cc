#include "cli/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>

#include "base/patience.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/vault_header.h"
#include "platform/key_variables.h"
#include "platform/places.h"

namespace aivault::cli {
namespace {

constexpr std::string_view kProgram = "aivaultd";
constexpr auto kStartLimit = patience(std::chrono::seconds(5));
constexpr std::size_t kMaxReport = 4096;

auto failed(std::string_view reason) {
  return vault_unavailable("internal", "failed to start aivaultd: " + std::string(reason));
}

bool is_program(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

bool is_passed_on(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>({"HOME",
                                                           "USER",
                                                           "LOGNAME",
                                                           "PATH",
                                                           "LANG",
                                                           "TZ",
                                                           "XDG_RUNTIME_DIR",
                                                           "CREDENTIALS_DIRECTORY"});
  if (name == "AIVAULTD_READY_FD") return false;
  // Sanitizers of development builds take their settings from here.
  if (kHonoursDevelopmentVariables && (name == "ASAN_OPTIONS" || name == "UBSAN_OPTIONS")) {
    return true;
  }
  return std::ranges::count(kNames, name) > 0 || name.starts_with("LC_") ||
         name.starts_with("AIVAULT_") || name.starts_with("AIVAULTD_");
}

// A header or a flag shall not name what other programs and the loader take settings from.
bool may_hold_a_key(std::string_view name) {
  constexpr auto kForeign = std::to_array<std::string_view>({"LD_", "GLIBC_", "MALLOC_"});
  return platform::KeyVariables::is_name(name) &&
         std::ranges::none_of(kForeign, [name](auto prefix) { return name.starts_with(prefix); });
}

bool is_path(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>({"AIVAULT_DIR",
                                                           "AIVAULTD_SOCKET",
                                                           "AIVAULTD_SHARED_SOCKET",
                                                           "AIVAULT_AUDIT_MIRROR",
                                                           "AIVAULT_DEV_CA_CERT_PATH",
                                                           "CREDENTIALS_DIRECTORY"});
  return std::ranges::count(kNames, name) > 0;
}

// "READY" or "ERROR <text>"; empty: the pipe ended without a word. nullopt: not in time.
std::optional<std::string> read_report(int pipe) {
  const auto deadline = std::chrono::steady_clock::now() + kStartLimit;
  std::string report;
  while (report.size() < kMaxReport) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready == 0) return std::nullopt;
    std::array<char, 512> piece{};
    const auto got = read(pipe, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    report.append(piece.data(), static_cast<std::size_t>(got));
    if (report.starts_with("READY")) break;
  }
  return report;
}

}  // namespace

std::optional<std::string> find_daemon_program(const platform::Environment& environment) {
  std::array<char, PATH_MAX> buffer{};
  const auto length = readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (length > 0) {
    std::string self(buffer.data(), static_cast<std::size_t>(length));
    auto sibling = self.substr(0, self.rfind('/') + 1) + std::string(kProgram);
    if (is_program(sibling)) return sibling;
  }
  const auto path = environment.text("PATH").value_or("");
  for (const auto directory : split(path, ':')) {
    if (!directory.starts_with('/')) continue;
    auto candidate = std::string(directory) + "/" + std::string(kProgram);
    if (is_program(candidate)) return candidate;
  }
  return std::nullopt;
}

std::vector<std::string> daemon_environment(const platform::Environment& environment,
                                            const std::vector<std::string>& key_variables) {
  std::vector<std::string> list;
  auto keys = key_variables;
  if (const auto places = platform::find_places(environment)) {
    const auto header = read_vault_header(places->vault_root);
    if (header && !header->key_variable.empty()) keys.push_back(header->key_variable);
  }
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  for (const auto& name : keys) {
    const auto key = environment.text(name);
    const bool is_key = may_hold_a_key(name) && !is_passed_on(name);
    if (is_key && key) list.push_back(name + "=" + *key);
  }
  for (const auto& [name, value] : environment.all()) {
    if (!is_passed_on(name)) continue;
    const auto path = is_path(name) ? environment.path(name) : std::nullopt;
    list.push_back(name + "=" + path.value_or(value));
  }
  return list;
}

Result<PrivateChild> start_private_child(const platform::Environment& environment,
                                         const std::vector<std::string>& key_variables,
                                         Passes passes) {
  const auto program = find_daemon_program(environment);
  if (!program) return failed("it is neither beside aivault nor in PATH");
  std::array<int, 2> ends{-1, -1};
  const int type = passes == Passes::requests ? SOCK_STREAM : SOCK_SEQPACKET;
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return failed(std::strerror(errno));
  }
  platform::Descriptor ours(ends[0]);
  const platform::Descriptor theirs(ends[1]);
  auto child = platform::spawn({.path = *program,
                                .arguments = {"--stdio"},
                                .environment = daemon_environment(environment, key_variables),
                                .input = theirs.get(),
                                .error_stream = platform::ErrorStream::inherited});
  if (!child) return failed(child.error().message);
  return PrivateChild{std::move(ours), *child};
}

Result<platform::Child> start_daemon(const platform::Environment& environment,
                                     const std::string& socket,
                                     const std::vector<std::string>& further_arguments,
                                     Lifetime lifetime,
                                     IdleExit idle_exit) {
  const auto program = find_daemon_program(environment);
  if (!program) return failed("it is neither beside aivault nor in PATH");
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failed(std::strerror(errno));
  const platform::Descriptor reading(ends[0]);
  platform::Descriptor writing(ends[1]);

  // With --shared the flag would name the agent socket.
  const bool is_shared = std::ranges::count(further_arguments, "--shared") > 0;
  std::vector<std::string> arguments;
  if (!is_shared) arguments = {"--socket", socket};
  if (lifetime == Lifetime::once) arguments.emplace_back("--once");
  arguments.insert(arguments.end(), further_arguments.begin(), further_arguments.end());
  auto variables = daemon_environment(environment);
  variables.push_back("AIVAULTD_READY_FD=" + std::to_string(platform::kExtraDescriptor));
  if (idle_exit == IdleExit::as_autostarted && !environment.text("AIVAULTD_IDLE_EXIT")) {
    std::erase_if(variables, [](const auto& v) { return v.starts_with("AIVAULTD_IDLE_EXIT="); });
    variables.emplace_back("AIVAULTD_IDLE_EXIT=15m");
  }
  if (is_shared) {
    std::erase_if(variables, [](const auto& v) { return v.starts_with("AIVAULTD_SOCKET="); });
    variables.push_back("AIVAULTD_SOCKET=" + socket);
  }
  auto child = platform::spawn({.path = *program,
                                .arguments = std::move(arguments),
                                .environment = std::move(variables),
                                .extra = writing.get()});
  if (!child) return failed(child.error().message);
  writing.reset();

  const auto report = read_report(reading.get());
  if (!report) {
    return vault_unavailable(std::string(kStartTimeout),
                             "failed connecting to aivaultd at '" + socket + "' after autostart");
  }
  if (report->starts_with("READY")) return *child;
  if (report->starts_with("ERROR ")) return failed(trim(std::string_view(*report).substr(6)));
  // Without a word and with success: another daemon serves the path.
  const auto status = child->wait(kStartLimit);
  if (status == 0) return *child;
  return failed(status ? "it ended with status " + std::to_string(*status) : "it does not answer");
}

}  // namespace aivault::cli
