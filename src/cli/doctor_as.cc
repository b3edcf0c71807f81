#include "cli/doctor_as.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "cli/client.h"
#include "cli/operator_exchange.h"
#include "cli/reach.h"
#include "cli/render_parts.h"
#include "cli/setup_users.h"
#include "cli/systemd_units.h"
#include "cli/vault_header.h"
#include "json/write.h"
#include "platform/descriptor.h"
#include "platform/users.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

constexpr std::size_t kMaxReport = std::size_t{64} << 10U;

// What there is to get at.
struct Targets {
  std::string root, operator_socket, shared_socket;
  std::string provider;                // Of the master key.
  std::vector<std::string> key_files;  // Where that one keeps it; none: in no file.
  std::int64_t daemon_pid = 0;         // 0: none runs.
};

bool is_denied(int error) { return error == EACCES || error == EPERM || error == EROFS; }

// The words of one attempt, as lines that go through a pipe.
class Attempts {
 public:
  // `error`: what came of it; 0: it succeeded, which must not be. That it could not be tried shows
  // nothing.
  void judge(std::string_view id, const std::string& what, int error) {
    if (error == 0) return add(id, "fail", what + ": succeeded");
    add(id, is_denied(error) ? "ok" : "warn", what + ": " + std::strerror(error));
  }
  void add(std::string_view id, std::string_view status, const std::string& detail) {
    report_ +=
        std::string(id) + '\t' + std::string(status) + '\t' + quote_for_message(detail, 512) + '\n';
  }
  const std::string& report() const { return report_; }

 private:
  std::string report_;
};

int open_error(const std::string& path, int flags) {
  const platform::Descriptor file(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK));
  return file ? 0 : errno;
}

// One line for all places: the first that is open, else the first that could not be tried.
void try_keys(const Targets& targets, Attempts& attempts) {
  if (targets.key_files.empty()) {
    constexpr auto kWithoutFile = std::to_array<std::string_view>({"env", "passphrase", "keyring"});
    const bool is_known = std::ranges::count(kWithoutFile, targets.provider) > 0;
    return attempts.add("key-file",
                        is_known ? "ok" : "warn",
                        "the provider " + targets.provider +
                            (is_known ? " keeps no key file" : " is not known: not tried"));
  }
  int worst = EACCES;
  std::string what;
  for (const auto& path : targets.key_files) {
    const int error = open_error(path, O_RDONLY);
    const bool is_worse = error == 0 ? worst != 0 : is_denied(worst) && !is_denied(error);
    if (what.empty() || is_worse) {
      worst = error;
      what = path;
    }
  }
  attempts.judge("key-file", "read " + what, worst);
}

void try_files(const Targets& targets, Attempts& attempts) {
  try_keys(targets, attempts);
  const auto database = targets.root + "/vault.db";
  attempts.judge("vault-read", "read " + database, open_error(database, O_RDONLY));
  attempts.judge("vault-write", "write " + database, open_error(database, O_WRONLY));
  attempts.judge(
      "vault-list", "list " + targets.root, open_error(targets.root, O_RDONLY | O_DIRECTORY));
  const auto planted = directory_of(targets.shared_socket) + "/.aivault-doctor";
  const platform::Descriptor made(
      ::open(planted.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const int error = made ? 0 : errno;
  if (made) ::unlink(planted.c_str());
  attempts.judge("socket-replace", "create " + planted, error);
}

void try_process(const Targets& targets, Attempts& attempts) {
  if (targets.daemon_pid <= 0) {
    return attempts.add("daemon-process", "warn", "no daemon runs; start it and try again");
  }
  const auto pid = static_cast<pid_t>(targets.daemon_pid);
  const auto process = "/proc/" + std::to_string(pid);
  const int signalled = ::kill(pid, 0) == 0 ? 0 : errno;
  // Where /proc hides the processes of others (hidepid) it says that there is none.
  const auto denied = [signalled](int error) {
    return error == ENOENT && signalled == EPERM ? EPERM : error;
  };
  for (const auto* name : {"environ", "mem", "maps"}) {
    const auto path = process + "/" + name;
    const int error = denied(open_error(path, O_RDONLY));
    attempts.judge("daemon-" + std::string(name), "read " + path, error);
  }
  attempts.judge("daemon-files",
                 "list " + process + "/fd",
                 denied(open_error(process + "/fd", O_RDONLY | O_DIRECTORY)));
  const int traced = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0 ? 0 : errno;
  if (traced == 0) ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  attempts.judge("daemon-ptrace", "trace process " + std::to_string(pid), traced);
  attempts.judge("daemon-signal", "signal process " + std::to_string(pid), signalled);
}

// A connection of its own; none: `id` has been judged.
std::unique_ptr<Connection> connect_as(const Targets& targets,
                                       Attempts& attempts,
                                       std::string_view id) {
  auto connected = connect_to(targets.shared_socket);
  if (connected.socket) return std::make_unique<Connection>(std::move(connected.socket));
  attempts.judge(id, "connect to " + targets.shared_socket, connected.error);
  return nullptr;
}

// Only that refusal shows that the door is shut.
void try_request(const Targets& targets,
                 Attempts& attempts,
                 std::string_view id,
                 const std::string& head,
                 const Upload* body,
                 const std::function<bool(const Error&)>& is_wanted) {
  auto connection = connect_as(targets, attempts, id);
  if (!connection) return;
  auto answer = send_request(*connection, head, body);
  const auto what = head.substr(0, head.find(" HTTP/"));
  if (answer) return attempts.add(id, "fail", what + ": succeeded");
  attempts.add(id, is_wanted(answer.error()) ? "ok" : "warn", what + ": " + answer.error().message);
}

void try_operator(const Targets& targets, Attempts& attempts) {
  const auto direct = connect_to(targets.operator_socket);
  attempts.judge(
      "operator-socket", "connect to " + targets.operator_socket, direct.socket ? 0 : direct.error);
  const auto is_wanted = [](const Error& error) {
    return error.code == ErrorCode::operator_auth_required;
  };
  const auto list = request_head("GET", "/aivault/secrets");
  try_request(targets, attempts, "operator-api", list, nullptr, is_wanted);
  const Upload exit{.text = R"({"mode":"exit"})"};
  const auto shutdown = request_head("POST", "/aivault/shutdown");
  try_request(targets, attempts, "operator-shutdown", shutdown, &exit, is_wanted);
}

// One that the user may invoke, so that nothing but the scope can be the reason; empty: none.
Result<std::string> own_capability(Connection& connection) {
  TRY_ASSIGN(auto answer,
             send_request(connection, request_head("GET", "/aivault/capabilities"), nullptr));
  TRY_ASSIGN(const auto document, read_document(connection, answer));
  const auto* list = document.find("capabilities");
  if (list == nullptr || list->items().empty()) return std::string();
  return text_in(list->items().front(), "id");
}

// No capability allows this path, so that nothing is sent wherever the scope is open.
void try_scope(const Targets& targets, Attempts& attempts) {
  constexpr std::string_view kId = "other-scope";
  const auto connection = connect_as(targets, attempts, kId);
  if (!connection) return;
  const auto capability = own_capability(*connection);
  if (!capability) return attempts.add(kId, "warn", "not tried: " + capability.error().message);
  if (capability->empty()) return attempts.add(kId, "ok", "no capability is granted at all");
  auto request = json::Value::object({{"method", "GET"}, {"path", "/.aivault-doctor"}});
  const auto envelope = json::compact(
      json::Value::object({{"capability", *capability}, {"request", std::move(request)}}));
  const Upload call{.text = envelope};
  const auto head = request_head("POST", "/aivault/proxy") + std::string(protocol::kWorkspace) +
                    ": aivault-doctor\r\n";
  try_request(targets, attempts, kId, head, &call, [](const Error& error) {
    return error.reason == "context_not_allowed";
  });
}

bool become(const platform::User& user) {
  std::vector<gid_t> groups;
  for (const auto gid : platform::groups_of(user)) groups.push_back(static_cast<gid_t>(gid));
  const auto uid = static_cast<uid_t>(user.uid);
  const auto gid = static_cast<gid_t>(user.gid);
  return ::setgroups(groups.size(), groups.data()) == 0 && ::setresgid(gid, gid, gid) == 0 &&
         ::setresuid(uid, uid, uid) == 0 && ::setuid(0) != 0;
}

std::vector<MachineCheck> read_report(int pipe) {
  std::string text;
  std::array<char, 4096> piece{};
  while (text.size() < kMaxReport) {
    const auto got = ::read(pipe, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  std::vector<MachineCheck> checks;
  for (const auto line : split(text, '\n')) {
    const auto words = split(line, '\t');
    if (words.size() != 3) continue;
    checks.push_back({std::string(words[0]), {std::string(words[1]), std::string(words[2]), ""}});
  }
  return checks;
}

Result<std::vector<MachineCheck>> run_as(const platform::User& user, const Targets& targets) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return vault_unavailable("", "cannot make a pipe");
  const platform::Descriptor reading(ends[0]);
  platform::Descriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return vault_unavailable("", "cannot start a process");
  if (child == 0) {
    if (!become(user)) ::_exit(1);
    Attempts attempts;
    try_files(targets, attempts);
    try_process(targets, attempts);
    try_operator(targets, attempts);
    try_scope(targets, attempts);
    attempts.add("end", "ok", "every attempt was made");
    const auto& report = attempts.report();
    const auto put = ::write(writing.get(), report.data(), report.size());
    ::_exit(put == static_cast<ssize_t>(report.size()) ? 0 : 1);
  }
  writing.reset();
  auto checks = read_report(reading.get());
  int status = 0;
  ::waitpid(child, &status, 0);
  if (checks.empty() || checks.back().id != "end") {
    return vault_unavailable("", "cannot become '" + user.name + "'");
  }
  return checks;
}

std::vector<std::string> key_files_of(const VaultHeader& header) {
  if (!header.key_file.empty()) return {header.key_file};
  if (header.provider != "systemd_creds") return {};
  // Sealed, and as systemd hands it to the service while that runs.
  std::vector<std::string> files{std::string(kSealedKey)};
  auto unsealed = "/run/credentials/" + std::string(kServiceUnit) + "/aivault-kek";
  if (::access(unsealed.c_str(), F_OK) == 0) files.push_back(std::move(unsealed));
  return files;
}

// The vault of whoever owns the shared directory, else of AIVAULT_DIR.
Result<Targets> find_targets(Session& session) {
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  const auto& places = routes.places;
  Targets targets{.root = places.vault_root,
                  .operator_socket = places.user_socket,
                  .shared_socket = places.shared_socket,
                  .provider = {},
                  .key_files = {}};
  const auto owner = owner_of_directory(directory_of(places.shared_socket));
  const auto user = owner ? platform::user_of(*owner) : std::nullopt;
  if (!places.own_directory && user) {
    const auto base = user->home + "/.aivault";
    targets.root = base + "/data/vault";
    targets.operator_socket = base + "/run/aivaultd.sock";
  }
  if (!vault_exists(targets.root)) {
    return vault_unavailable("", "no vault at '" + targets.root + "' to try for");
  }
  const auto header = read_vault_header(targets.root);
  if (!header || (header->provider == "file" && header->key_file.empty())) {
    return vault_unavailable(
        "", "'" + targets.root + "/vault.json' does not say where the master key is");
  }
  targets.provider = header->provider;
  targets.key_files = key_files_of(*header);
  for (const auto& socket : {targets.operator_socket, targets.shared_socket}) {
    auto attempt = connect_to_any({{socket, Trust::named_by_caller}, std::nullopt, {}});
    if (!attempt.reached) continue;
    auto client = Client::at(session, *std::move(attempt.reached));
    const auto* pid = client ? client->whoami().find("pid") : nullptr;
    if (pid == nullptr) continue;
    targets.daemon_pid = pid->integer().value_or(0);
    break;
  }
  return targets;
}

}  // namespace

Result<std::vector<MachineCheck>> try_as_user(Session& session, const std::string& name) {
  if (::geteuid() != 0) return vault_unavailable("", "this command requires sudo/root");
  const auto user = is_user_name(name) ? platform::user_named(name) : std::nullopt;
  if (!user) return vault_unavailable("", "user '" + quote_for_message(name) + "' does not exist");
  if (user->uid == 0) return vault_unavailable("", "root reaches everything; name another user");
  TRY_ASSIGN(const auto targets, find_targets(session));
  TRY_ASSIGN(auto checks, run_as(*user, targets));
  checks.pop_back();
  const auto groups = powerful_groups_of(*user);
  Finding finding{"ok", "in no group that can become root", ""};
  if (!groups.empty())
    finding = {
        "fail", "in group '" + groups.front() + "'", "gpasswd -d " + name + " " + groups.front()};
  checks.push_back({"groups", finding});
  return checks;
}

}  // namespace aivault::cli
