#include "cli/reach.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "cli/launch.h"
#include "platform/peer.h"
#include "protocol/error_body.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kRestartPatience{2};  // Where a daemon is being restarted.
constexpr seconds kReachLimit{15};
constexpr seconds kAcknowledgeLimit{30};
constexpr milliseconds kPause{20};
constexpr std::size_t kMaxErrorBody = std::size_t{1} << 20U;
constexpr int kMaxStarts = 5;  // A --once daemon may have served somebody else.

bool is_trusted(const Route& route, std::int64_t uid) {
  return route.trust == Trust::named_by_caller || uid == 0 || uid == std::int64_t{geteuid()} ||
         owner_of_directory(directory_of(route.socket)) == uid;
}

// nullopt: nobody there, and `error` says so.
std::optional<Attempt> try_route(const Route& route, int& error) {
  auto connected = connect_to(route.socket);
  error = connected.error;
  if (!connected.socket) return std::nullopt;
  const auto peer = platform::peer_of(connected.socket.get());
  if (!peer || !is_trusted(route, peer->uid)) {
    return Attempt{std::nullopt, "untrusted daemon at '" + route.socket + "'", true};
  }
  Reached reached{.connection = std::make_unique<Connection>(std::move(connected.socket)),
                  .name = route.socket,
                  .uid = peer->uid,
                  .child = std::nullopt};
  return Attempt{std::move(reached), {}, false};
}

constexpr std::string_view kNotReached = "client:not_reached";

enum class Reply : std::uint8_t { acknowledged, lost, going_away };

// The rest of an answer that is an error object.
Result<Error> read_error(Connection& connection, ResponseReader& answer) {
  std::string body;
  while (body.size() < kMaxErrorBody) {
    TRY_ASSIGN(const auto piece, answer.next_piece());
    body += piece.data;
    if (piece.is_end) break;
    if (!piece.needs_more) continue;
    TRY_ASSIGN(const bool more, connection.receive(kAcknowledgeLimit));
    if (!more) TRY(answer.end_of_input());
  }
  auto error = protocol::error_from_json(body);
  if (error) return *std::move(error);
  return invalid_request(std::string(kInvalidResponse), "status without an error object");
}

// Sends the head and waits for 100 or the head of the final answer.
Result<Reply> acknowledge(Connection& connection, ResponseReader& answer, const std::string& head) {
  constexpr int kServiceUnavailable = 503;
  if (!connection.send(head)) return Reply::lost;
  while (true) {
    TRY_ASSIGN(const bool ready, answer.read_head(ResponseReader::Interim::stop_at_continue));
    if (ready) break;
    const auto more = connection.receive(kAcknowledgeLimit);
    if (!more && more.error().reason == kNoAnswer) return fail(more.error());
    if (!more || !*more) return Reply::lost;
  }
  const bool is_refusal =
      !answer.was_continue() && http::find(answer.head().headers, protocol::kError) != nullptr;
  if (!is_refusal || answer.head().status != kServiceUnavailable) return Reply::acknowledged;
  auto error = read_error(connection, answer);
  if (!error && error.error().reason == kConnectionLost) return Reply::lost;
  if (!error) return fail(error.error());
  if (error->reason == "shutting_down") return Reply::going_away;
  error->message = protocol::to_text(*error);
  return fail(*std::move(error));
}

auto not_reached(std::string message) {
  return vault_unavailable(std::string(kNotReached), std::move(message));
}

std::string combined(const std::string& error,
                     const std::string& first_failure,
                     const std::optional<std::string>& first_reason) {
  return error +
         "\n(thin client daemon attempt failed first: " + first_reason.value_or(first_failure) +
         ")";
}

}  // namespace

Connected connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {{}, ENAMETOOLONG};
  std::memcpy(address.sun_path, path.data(), path.size());
  platform::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return {{}, errno};
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  while (::connect(socket.get(), name, sizeof address) != 0) {
    if (errno != EINTR) return {{}, errno};
  }
  return {std::move(socket), 0};
}

Result<Acknowledged> acknowledged_by(Reached reached, const std::string& head) {
  ResponseReader answer(*reached.connection);
  auto reply = acknowledge(*reached.connection, answer, head);
  if (!reply) return fail(explain(std::move(reply).error(), reached));
  if (*reply == Reply::acknowledged) return Acknowledged{std::move(reached), std::move(answer)};
  if (*reply == Reply::lost && reached.is_private) return fail(reached.ended_early());
  return not_reached(*reply == Reply::lost
                         ? "failed connecting to " + reached.where() + ": connection closed"
                         : "failed connecting to " + reached.where() + ": it is shutting down");
}

bool is_no_daemon(const Error& error) {
  return error.reason == kNotReached || error.reason == kEndedEarly;
}

Error Reached::ended_early() const { return cli::ended_early(child ? child : lasting_child); }

void Reached::finish() {
  if (!connection) return;  // Moved away.
  connection->close();
  if (child) child->wait(seconds(2));
}

Attempt connect_to_any(const Routes& routes) {
  int error = 0;
  if (auto attempt = try_route(routes.first, error)) return *std::move(attempt);
  const std::string first = routes.first.socket;
  if (!routes.shared || routes.shared->socket == first) {
    return {std::nullopt,
            "failed connecting to aivaultd at '" + first + "': " + std::strerror(error),
            false};
  }
  if (auto attempt = try_route(*routes.shared, error)) return *std::move(attempt);
  return {std::nullopt,
          "failed connecting to aivaultd (tried '" + first + "' and '" + routes.shared->socket +
              "'): " + std::strerror(error),
          false};
}

Error ended_early(std::optional<platform::Child> child) {
  constexpr int kLastOwnStatus = 2;  // Of aivaultd: 1 could not start, 2 wrong arguments.
  const auto status = child ? child->wait(seconds(1)) : std::nullopt;
  const bool has_spoken = status && *status > 0 && *status <= kLastOwnStatus;
  return {ErrorCode::vault_unavailable,
          std::string(has_spoken ? kAlreadyShown : kEndedEarly),
          "failed to start aivaultd: " +
              (status ? "it ended with status " + std::to_string(*status) : "it does not answer"),
          0};
}

Result<Reached> reach_private_child(const Session& session) {
  TRY_ASSIGN(auto child, start_private_child(session.environment(), session.key_variables));
  return Reached{.connection = std::make_unique<Connection>(std::move(child.socket)),
                 .name = "private child",
                 .uid = std::int64_t{geteuid()},
                 .child = child.process,
                 .is_private = true};
}

Result<Reached> reach_lasting_daemon(const Session& session, const Needed& needed) {
  const auto& environment = session.environment();
  const auto needs_one = [&needed](const std::string& why) {
    return vault_unavailable("", std::string(needed.command) + " needs a running aivaultd" + why);
  };
  if (environment.flag("AIVAULTD_DISABLE")) return needs_one(" (AIVAULTD_DISABLE is set)");
  TRY_ASSIGN(const auto routes, find_routes(environment));
  auto attempt = connect_to_any(routes);
  if (attempt.is_final) return vault_unavailable("", std::move(attempt.failure));
  if (attempt.reached) return *std::move(attempt.reached);
  if (!environment.flag("AIVAULTD_AUTOSTART", true)) return needs_one(" (autostart disabled)");
  if (auto refused = autostart_refusal(routes, environment)) return fail(*std::move(refused));
  const auto started =
      start_daemon(environment, routes.first.socket, {}, Lifetime::lasting, needed.idle_exit);
  if (!started) return fail(started.error());
  attempt = connect_to_any({routes.first, std::nullopt, routes.places});
  if (attempt.reached) return *std::move(attempt.reached);
  return vault_unavailable("", std::move(attempt.failure));
}

bool is_locked(const std::string& socket) {
  const platform::Descriptor lock(
      open((socket + ".lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return lock && flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Error explain(Error error, const Reached& reached) {
  if (error.reason == kConnectionLost) {
    error.message =
        "connection to " + reached.where() + " was lost; the request may have been executed";
  } else if (error.reason == kInvalidResponse) {
    error.message = "invalid response from " + reached.where() + ": " + error.message;
  } else if (error.reason == kNoAnswer) {
    error.message = "no answer from " + reached.where();
  }
  return error;
}

Result<Acknowledged> reach_for_call(const Session& session,
                                    const std::string& head,
                                    const std::optional<std::string>& first_reason) {
  const auto& environment = session.environment();
  if (environment.flag("AIVAULTD_DISABLE")) {
    TRY_ASSIGN(auto reached, reach_private_child(session));
    return acknowledged_by(std::move(reached), head);
  }
  TRY_ASSIGN(const auto routes, find_routes(environment));
  const bool once = routes.places.own_directory || environment.flag("AIVAULTD_AUTOSTART_ONCE");
  const auto begin = steady_clock::now();
  std::optional<platform::Child> started;
  std::string first_failure;
  int starts = 0;
  while (true) {
    auto attempt = connect_to_any(routes);
    if (attempt.is_final) return not_reached(std::move(attempt.failure));
    bool was_connected = false;
    if (attempt.reached) {
      was_connected = true;
      if (once) attempt.reached->child = started;
      auto answer = acknowledged_by(*std::move(attempt.reached), head);
      if (answer || !is_no_daemon(answer.error())) return answer;
      attempt.failure = answer.error().message;
    }
    if (first_failure.empty()) first_failure = attempt.failure;
    const auto waited = steady_clock::now() - begin;
    if (waited < kRestartPatience && (was_connected || is_locked(routes.first.socket))) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    auto refused = autostart_refusal(routes, environment);
    if (!refused && starts < kMaxStarts && waited < kReachLimit) {
      auto child = start_daemon(environment,
                                routes.first.socket,
                                {},
                                once ? Lifetime::once : Lifetime::lasting,
                                IdleExit::as_autostarted);
      ++starts;
      if (child) {
        started = *child;
        continue;
      }
      refused = child.error();
    }
    if (!refused) {
      refused =
          Error{ErrorCode::vault_unavailable,
                "",
                "failed connecting to aivaultd at '" + routes.first.socket + "' after autostart",
                0};
    }
    if (routes.shared && refused->message.find(routes.shared->socket) == std::string::npos) {
      refused->message += "\n(also tried shared socket '" + routes.shared->socket + "')";
    }
    return not_reached(combined(refused->message, first_failure, first_reason));
  }
}

}  // namespace aivault::cli
