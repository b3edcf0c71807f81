// Claim: what a call that runs rests on: as long as this would be allowed again, it may go on.
// Thread: the event loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "broker/call.h"
#include "broker/overlap.h"
#include "vault/scope.h"

namespace aivault::broker {

struct Claim {
  Caller caller;
  std::shared_ptr<const Secret> token;
  std::string workspace, group;  // As stated.
  std::string capability, credential;
  vault::Context context;  // As decided.
  Reach reach;
  bool reads = false;                // A read-only identity may make it.
  std::optional<UnixMs> expires_at;  // With what it rests on.
};

}  // namespace aivault::broker
