// Outcomes: how calls ended, for GET /aivault/requests/{id}: kept for 5 minutes, told only to
// whoever made the call.
// Thread: the event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "json/value.h"

namespace aivault::server {

class Outcomes {
 public:
  struct Progress {
    std::uint64_t bytes_in = 0, bytes_out = 0;
    std::optional<int> status;
    std::optional<Error> error;
    bool done = false;
  };

  using Clock = std::chrono::steady_clock;
  void begin(const std::string& id, std::int64_t uid);
  void end(const std::string& id, Progress progress, Clock::time_point now);
  // The documented object; nullopt: unknown, forgotten, or somebody else's.
  std::optional<json::Value> find(const std::string& id, std::int64_t uid, Clock::time_point now);

 private:
  struct Entry {
    std::int64_t uid = -1;
    Progress progress;
  };
  struct Ended {
    std::string id;
    Clock::time_point forget_at;
  };
  void forget(Clock::time_point now);

  std::unordered_map<std::string, Entry> entries_;
  std::deque<Ended> ended_;  // Oldest first.
};

}  // namespace aivault::server
