// Approvals: the calls that wait for the operator's decision, and what became of those before. In
// memory of one process: when it ends, nobody waits any more. A decision serves exactly the call
// that asked for it, once.
// Thread: any; `decided` is called on the thread that decides. Errors: policy_violation
// approval_queue_full, invalid_request changed.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace aivault::catalog {

class Approvals {
 public:
  enum class State : std::uint8_t { pending, approved, denied, expired, cancelled };

  // What the operator sees. Names of the caller are those that its processes give themselves.
  struct Asked {
    std::string capability, credential, method, host, path, query;
    std::vector<std::pair<std::string, std::string>> headers;  // The caller's.
    std::string body;                                          // Whole.
    std::int64_t uid = -1, pid = 0;
    std::string user, agent, exe, unit, workspace, group;
  };
  struct Entry {
    std::string id;
    State state = State::pending;
    Asked asked;  // Without the body once it is decided.
    std::int64_t body_size = 0;
    std::string body_sha256;  // Empty: it has none.
    UnixMs created_at, expires_at;
    std::optional<UnixMs> decided_at;
    std::string reason;
  };

  // `id`: not guessable.
  Result<void> ask(std::string id,
                   Asked asked,
                   UnixMs now,
                   std::chrono::milliseconds patience,
                   std::function<void(State)> decided);
  // The call does not wait any longer; the state that it has got.
  State end(std::string_view id, State how, UnixMs now);
  Result<Entry> find_pending(std::string_view id) const;
  Result<Entry> decide(std::string_view id, State how, std::string reason, UnixMs now);
  // Oldest first; `all`: also the decided ones of the last 24 hours, as far as they are kept.
  enum class Which : bool { pending, all };
  std::vector<Entry> list(Which which, UnixMs now) const;

 private:
  struct Waiting {
    Entry entry;
    std::function<void(State)> decided;
  };
  void settle(std::size_t at, State how, UnixMs now);
  std::size_t place_of(std::string_view id) const;

  mutable std::mutex guard_;
  std::vector<Waiting> waiting_;  // In the order they came.
  std::deque<Entry> past_;
};

std::string_view to_string(Approvals::State state);

}  // namespace aivault::catalog
