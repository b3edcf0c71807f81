// HeldToken: a proxy token that lives as long as the connection on which it was asked for.
// Thread: one. Errors: those of reach_lasting_daemon and of the daemon.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/key_value.h"
#include "cli/private_daemon.h"
#include "cli/reach.h"
#include "cli/session.h"
#include "json/value.h"

namespace aivault::cli {

class HeldToken {
 public:
  struct Wish {
    std::optional<std::string> agent;      // Operators only: act as this agent.
    std::vector<std::string> allowed;      // Patterns; empty: all that the caller may invoke.
    std::vector<std::string> credentials;  // Ids; one of each provider at most.
    Context context;
    std::int64_t ttl_ms = 0;
  };
  // `daemon`: asked if it is wanted, else a lasting one is. It outlives the token.
  static Result<HeldToken> mint(Session& session,
                                PrivateDaemon& daemon,
                                std::string_view command,
                                const Wish& wish);
  ~HeldToken();
  HeldToken(HeldToken&&) = default;
  HeldToken& operator=(HeldToken&&) = delete;
  HeldToken(const HeldToken&) = delete;
  HeldToken& operator=(const HeldToken&) = delete;

  const std::string& value() const { return value_; }
  // One more connection to the daemon that gave it; none if that is not possible.
  std::function<platform::Descriptor()> dial() const;
  const json::Value& whoami() const { return whoami_; }
  // A question that shows the token.
  Result<json::Value> ask(const std::string& target);

 private:
  HeldToken(Reached reached, PrivateDaemon& daemon)
      : reached_(std::move(reached)), daemon_(&daemon) {}
  Result<json::Value> exchange(std::string_view method,
                               const std::string& target,
                               const std::optional<json::Value>& body);

  Reached reached_;
  PrivateDaemon* daemon_;
  std::string value_;  // Wiped at the end; until then no better kept than in the child's memory.
  json::Value whoami_;
};

}  // namespace aivault::cli
