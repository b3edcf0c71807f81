// Deadlines: the time limits of one call. The first that passes is remembered as the reason why
// the call ends, and whatever the call waits for at that moment is interrupted.
// Thread: the event loop. Errors: upstream_unreachable timeout_*.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/result.h"
#include "upstream/withdrawal.h"

namespace aivault::upstream {

struct Timeouts {
  std::chrono::milliseconds connect = std::chrono::seconds(10);      // Resolve, TCP and TLS.
  std::chrono::milliseconds first_byte = std::chrono::seconds(300);  // After the request was sent.
  std::chrono::milliseconds idle = std::chrono::seconds(300);        // No byte either way.
  // From send() to the last byte; the caller's wish, which replaces first_byte.
  std::optional<std::chrono::milliseconds> total;
  // Ends the call at any time, as a limit does; nullptr: nothing does.
  std::shared_ptr<Withdrawal> withdrawal;
};

class Deadlines {
 public:
  enum class Limit : std::uint8_t { connect, first_byte, idle, total };

  // Starts `total` at once. `peer` is named in messages.
  Deadlines(const boost::asio::any_io_executor& executor,
            const Timeouts& timeouts,
            std::string peer);
  ~Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  void begin(Limit limit);
  void end(Limit limit);
  void touch();  // Bytes moved: `idle` counts from now.
  void clear();  // The call is over: no limit applies any more.

  // What to do when a limit passes; replaces the former one. Called at most once.
  void on_expiry(std::function<void()> interrupt);

  bool expired() const;
  // The limit that passed, if one did; else what went wrong otherwise.
  Error explain(Error otherwise) const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Outlives us only until its timer handler has run.
};

}  // namespace aivault::upstream
