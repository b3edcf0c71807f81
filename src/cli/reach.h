// Reach: a connection to an aivaultd that may be spoken to: found, started, or a private child.
// Thread: one. Errors: vault_unavailable.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/connection.h"
#include "cli/launch.h"
#include "cli/response_reader.h"
#include "cli/routes.h"
#include "cli/session.h"
#include "platform/spawn.h"

namespace aivault::cli {

struct Reached {
  std::unique_ptr<Connection> connection;
  std::string name;                      // Its socket's path, or "private child".
  std::int64_t uid = -1;                 // Of the daemon.
  std::optional<platform::Child> child;  // Ends with this connection: waited for.
  std::optional<platform::Child> lasting_child = std::nullopt;  // Ours, and serves further ones.
  bool is_private = false;

  std::string where() const { return "aivaultd at '" + name + "'"; }
  // Why a private one ended before it said a word.
  Error ended_early() const;
  // Hangs up and gives a process that ends with this command the time to do so.
  void finish();
};

// An errno, or a connected socket.
struct Connected {
  platform::Descriptor socket;
  int error = 0;
};
Connected connect_to(const std::string& path);

struct Attempt {
  std::optional<Reached> reached;
  std::string failure;    // "failed connecting to aivaultd at ..."
  bool is_final = false;  // Nothing else may be tried: an untrusted daemon.
};
Attempt connect_to_any(const Routes& routes);

// The reason of an error that has been shown already.
constexpr std::string_view kAlreadyShown = "client:already_shown";
constexpr std::string_view kEndedEarly = "client:ended_early";
// Why a private child ended before it said a word on its connection: its line on stderr said so,
// unless it crashed.
Error ended_early(std::optional<platform::Child> child);

Result<Reached> reach_private_child(const Session& session);
// A daemon that stays, at the first route: found there, or started, whatever AIVAULT_DIR says.
// `needed`: the command that needs it, for messages, and when a daemon started for it ends.
struct Needed {
  std::string_view command;
  IdleExit idle_exit;
};
Result<Reached> reach_lasting_daemon(const Session& session, const Needed& needed);

// A daemon that has acknowledged the head of a call: it said 100, or its answer is there already.
struct Acknowledged {
  Reached reached;
  ResponseReader answer;  // At 100, or past the head of the final answer.
};
// `first_reason`: why the request could not be completed locally; shown when nobody is reached.
Result<Acknowledged> reach_for_call(const Session& session,
                                    const std::string& head,
                                    const std::optional<std::string>& first_reason);
// The same of a daemon that was reached.
Result<Acknowledged> acknowledged_by(Reached reached, const std::string& head);
// It was not acknowledged by a daemon, which is gone or going: nothing was begun.
bool is_no_daemon(const Error& error);

// Someone holds the lock of this socket path: a daemon is starting.
bool is_locked(const std::string& socket);

// `connection to aivaultd at '<p>' was lost; ...` or `invalid response from ...`; other errors
// stay as they are.
Error explain(Error error, const Reached& reached);

}  // namespace aivault::cli
