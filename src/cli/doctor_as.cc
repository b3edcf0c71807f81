#include "cli/doctor_as.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "cli/client.h"
#include "cli/operator_exchange.h"
#include "cli/reach.h"
#include "cli/render_parts.h"
#include "cli/setup_users.h"
#include "cli/vault_header.h"
#include "platform/descriptor.h"
#include "platform/users.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

constexpr std::size_t kMaxReport = std::size_t{64} << 10U;

// What there is to get at.
struct Targets {
  std::string owner;  // The vault's user.
  std::string root, key_file, operator_socket, shared_socket;
  std::int64_t daemon_pid = 0;  // 0: none runs.
};

// The words of one attempt, as lines that go through a pipe.
class Attempts {
 public:
  // `error`: what came of it; 0: it succeeded, which must not be.
  void judge(std::string_view id, const std::string& what, int error) {
    if (error == 0) return add(id, "fail", what + ": succeeded");
    add(id, "ok", what + ": " + std::strerror(error));
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

void try_files(const Targets& targets, Attempts& attempts) {
  attempts.judge("key-file", "read " + targets.key_file, open_error(targets.key_file, O_RDONLY));
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
  for (const auto* name : {"environ", "mem", "maps"}) {
    const auto path = process + "/" + name;
    attempts.judge("daemon-" + std::string(name), "read " + path, open_error(path, O_RDONLY));
  }
  attempts.judge("daemon-files",
                 "list " + process + "/fd",
                 open_error(process + "/fd", O_RDONLY | O_DIRECTORY));
  const int traced = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0 ? 0 : errno;
  if (traced == 0) ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  attempts.judge("daemon-ptrace", "trace process " + std::to_string(pid), traced);
  attempts.judge(
      "daemon-signal", "signal process " + std::to_string(pid), ::kill(pid, 0) == 0 ? 0 : errno);
}

// One request on a connection of its own. `wanted`: the refusal that must come.
void try_request(const Targets& targets,
                 Attempts& attempts,
                 std::string_view id,
                 const std::string& head,
                 const Upload* body) {
  auto attempt =
      connect_to_any({{targets.shared_socket, Trust::named_by_caller}, std::nullopt, {}});
  if (!attempt.reached) return attempts.add(id, "ok", attempt.failure);
  auto answer = send_request(*attempt.reached->connection, head, body);
  const auto what = head.substr(0, head.find(" HTTP/"));
  if (answer) return attempts.add(id, "fail", what + ": succeeded");
  const bool refused = answer.error().code == ErrorCode::operator_auth_required ||
                       answer.error().code == ErrorCode::policy_violation ||
                       answer.error().code == ErrorCode::capability_not_found ||
                       answer.error().code == ErrorCode::credential_not_found;
  attempts.add(id, refused ? "ok" : "warn", what + ": " + answer.error().message);
}

void try_daemon(const Targets& targets, Attempts& attempts) {
  auto direct =
      connect_to_any({{targets.operator_socket, Trust::named_by_caller}, std::nullopt, {}});
  attempts.add(
      "operator-socket",
      direct.reached ? "fail" : "ok",
      direct.reached ? "connect to " + targets.operator_socket + ": succeeded" : direct.failure);
  try_request(targets, attempts, "operator-api", request_head("GET", "/aivault/secrets"), nullptr);
  const Upload exit{.text = R"({"mode":"exit"})"};
  try_request(
      targets, attempts, "operator-shutdown", request_head("POST", "/aivault/shutdown"), &exit);
  const Upload call{.text = R"({"capability":"openai/chat-completions","request":)"
                            R"({"method":"POST","path":"/v1/chat/completions"}})"};
  const auto stated = std::string(protocol::kWorkspace) + ": aivault-doctor\r\n";
  try_request(
      targets, attempts, "other-scope", request_head("POST", "/aivault/proxy") + stated, &call);
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
    try_daemon(targets, attempts);
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

// The vault of whoever owns the shared directory, else of AIVAULT_DIR.
Result<Targets> find_targets(Session& session) {
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  const auto& places = routes.places;
  Targets targets{.owner = {},
                  .root = places.vault_root,
                  .key_file = places.default_key_file,
                  .operator_socket = places.user_socket,
                  .shared_socket = places.shared_socket};
  const auto owner = owner_of_directory(directory_of(places.shared_socket));
  const auto user = owner ? platform::user_of(*owner) : std::nullopt;
  if (!places.own_directory && user) {
    const auto base = user->home + "/.aivault";
    targets.root = base + "/data/vault";
    targets.key_file = base + "/keys/kek.key";
    targets.operator_socket = base + "/run/aivaultd.sock";
  }
  if (!vault_exists(targets.root)) {
    return vault_unavailable("", "no vault at '" + targets.root + "' to try for");
  }
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
