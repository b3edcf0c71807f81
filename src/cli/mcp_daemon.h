// McpDaemon: how `aivault mcp` speaks to a daemon: a connection for each question, found or started
// as for any call, and what a call needs to be cancelled from another thread.
// Thread: any; one thread at a time looks for a daemon.
// Errors: those of reach_for_call and exchange_call.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/call_exchange.h"
#include "cli/private_daemon.h"
#include "cli/session.h"
#include "http/head.h"
#include "http/message.h"
#include "json/value.h"

namespace aivault::cli {

// Of one call that may have to end early.
class McpCancel {
 public:
  void cancel();
  bool is_cancelled() const;
  // The socket in use from now on, or -1. False: too late, it is cancelled.
  bool use(int descriptor);

 private:
  mutable std::mutex guard_;
  int descriptor_ = -1;
  bool is_cancelled_ = false;
};

class McpDaemon {
 public:
  // `control`: headers of every request, a token among them.
  // `daemon`: used if it is wanted.
  McpDaemon(const Session& session, PrivateDaemon& daemon, http::Headers control)
      : session_(session), private_daemon_(daemon), control_(std::move(control)) {}

  Result<json::Value> get(const std::string& target);

  struct Answered {
    http::ResponseHead head;
    std::string body;
    std::uint64_t too_large = 0;  // Its size, where it is beyond what a client takes.
  };
  Result<Answered> call(const json::Value& envelope,
                        std::optional<std::int64_t> timeout_ms,
                        McpCancel& cancel,
                        CallNotices* notices);  // nullptr: nobody wants to know.

 private:
  Result<Acknowledged> reach(const std::string& head);

  const Session& session_;
  PrivateDaemon& private_daemon_;
  http::Headers control_;
  std::mutex reaching_;
};

}  // namespace aivault::cli
