// call_answer: what the doors for calls share: the answer as it streams to the caller, a refusal,
// and the note of how the call ended.
// Thread: the event loop.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>

#include "broker/call.h"
#include "server/hangup_watch.h"
#include "server/outcomes.h"
#include "server/turn.h"

namespace aivault::server {

// Notes how the call ended, whatever way its coroutine takes.
class Ending {
 public:
  explicit Ending(Turn& turn) : turn_(turn) { turn.core.outcomes.begin(turn.id, turn.caller.uid); }
  ~Ending() {
    if (!turn_ended_)
      progress.error =
          Error{ErrorCode::upstream_unreachable, "connection_lost", "cancelled by caller", 0};
    progress.bytes_in = turn_.body.taken() + bytes_in;
    turn_.core.outcomes.end(turn_.id, std::move(progress), Outcomes::Clock::now());
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  void ended() {
    turn_ended_ = true;
    if (turn_.core.hooks.on_call_answered) turn_.core.hooks.on_call_answered();
  }
  void ended(const Error& error) {
    progress.error = error;
    ended();
  }
  Outcomes::Progress progress;
  std::uint64_t bytes_in = 0;  // Beyond those of the request's body.

 private:
  Turn& turn_;
  bool turn_ended_ = false;
};

// How an answer to the client is framed. enveloped: always with a body, whatever the upstream was
// asked. native: as the upstream's own answer would be.
enum class AnswerForm : std::uint8_t { enveloped, native };

boost::asio::awaitable<void> relay(Turn& turn,
                                   broker::Answer& answer,
                                   AnswerForm form,
                                   Ending& ending);
// Who calls comes before everything that the request says.
Result<void> check_caller(const Turn& turn);
boost::asio::awaitable<void> refuse_call(Turn& turn, Error error, int status, Ending& ending);
// Hands `call` to the broker and its answer to the client.
boost::asio::awaitable<void> carry_out(Turn& turn,
                                       broker::Call call,
                                       AnswerForm form,
                                       Ending& ending);

}  // namespace aivault::server
