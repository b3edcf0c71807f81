// PrivateDaemon: an aivaultd that serves one command, and as many connections as that wants: each
// is handed to it over a seqpacket socket. It is started when first needed, again if it has ended
// meanwhile and nothing was kept in it, and ends with the object.
// Thread: any. Errors: those of start_private_child, and vault_unavailable internal.
#pragma once

#include <mutex>
#include <optional>

#include "base/result.h"
#include "cli/launch.h"
#include "cli/reach.h"
#include "cli/session.h"
#include "platform/descriptor.h"

namespace aivault::cli {

class PrivateDaemon {
 public:
  // `session` outlives it.
  explicit PrivateDaemon(const Session& session) : session_(session) {}
  ~PrivateDaemon();
  PrivateDaemon(const PrivateDaemon&) = delete;
  PrivateDaemon& operator=(const PrivateDaemon&) = delete;

  // AIVAULTD_DISABLE: no other daemon may serve this command.
  bool is_wanted() const;
  Result<Reached> reach();
  Result<platform::Descriptor> connect();
  // It holds what another one would not have (a token): once it has ended there is none.
  void keep();
  // It serves no more: the next connection is to another one.
  void replace();

 private:
  Result<platform::Descriptor> connect_once();
  void let_go();

  const Session& session_;
  std::mutex guard_;
  std::optional<PrivateChild> child_;
  bool is_kept_ = false;
};

}  // namespace aivault::cli
