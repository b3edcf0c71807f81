#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "protocol/headers.h"
#include "server/answer_writer.h"
#include "server/call_envelope.h"
#include "server/control.h"
#include "server/turn.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr int kContentTooLarge = 413;
constexpr int kNoContent = 204;
constexpr int kNotModified = 304;

// Notes how the call ended, whatever way its coroutine takes.
class Ending {
 public:
  explicit Ending(Turn& turn) : turn_(turn) { turn.core.outcomes.begin(turn.id, turn.caller.uid); }
  ~Ending() {
    if (!turn_ended_)
      progress.error =
          Error{ErrorCode::upstream_unreachable, "connection_lost", "cancelled by caller", 0};
    progress.bytes_in = turn_.body.taken();
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

 private:
  Turn& turn_;
  bool turn_ended_ = false;
};

// The end of the caller's connection ends the call.
class HangupWatch {
 public:
  HangupWatch(Connection& connection, std::function<void()> cancel) : connection_(connection) {
    connection_.on_hangup(std::move(cancel));
  }
  ~HangupWatch() { connection_.on_hangup(nullptr); }
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;

 private:
  Connection& connection_;
};

struct Framing {
  AnswerWriter::Body body = AnswerWriter::Body::chunked;
  http::Headers headers;
};

// `asked_head`: the upstream was asked by HEAD, so its length says nothing about what follows here.
Framing framing_of(const broker::Answer& answer, bool asked_head, bool with_outcome) {
  Framing framing;
  const auto length = answer.content_length();
  const auto add = [&framing](std::string_view name, std::string value) {
    framing.headers.push_back({std::string(name), std::move(value)});
  };
  if (answer.status() == kNoContent || answer.status() == kNotModified) {
    // Such an answer has no body by definition, so its head already says how the call ended.
    framing.body = AnswerWriter::Body::plain;
    if (length) add(protocol::kContentLength, std::to_string(*length));
    if (with_outcome) add(protocol::kOutcome, "ok");
  } else if (with_outcome) {
    framing.body = AnswerWriter::Body::with_outcome;
    if (length) add(protocol::kContentLength, std::to_string(*length));
    add("transfer-encoding", "chunked");
  } else if (asked_head) {
    framing.body = AnswerWriter::Body::plain;
    if (length) add(protocol::kContentLength, std::to_string(*length));
    add("content-length", "0");
  } else if (length) {
    framing.body = AnswerWriter::Body::plain;
    add("content-length", std::to_string(*length));
  } else {
    add("transfer-encoding", "chunked");
  }
  return framing;
}

std::string head_of(const broker::Answer& answer, const Framing& framing, const Turn& turn) {
  auto head = status_line(answer.status());
  for (const auto& header : answer.headers()) add_header(head, header.name, header.value);
  add_header(head, protocol::kRequestId, turn.id);
  for (const auto& header : framing.headers) add_header(head, header.name, header.value);
  if (turn.close) add_header(head, "connection", "close");
  return head + "\r\n";
}

asio::awaitable<void> relay(Turn& turn, broker::Answer& answer, bool asked_head, Ending& ending) {
  turn.close = turn.keep() == Keep::close;
  ending.progress.status = answer.status();
  const auto framing = framing_of(answer, asked_head, turn.head.accepts_trailers);
  const auto length = asked_head ? std::optional<std::uint64_t>(0) : answer.content_length();
  AnswerWriter writer(turn.connection, head_of(answer, framing, turn), framing.body, length);
  if (!length) writer.send_head_soon(turn.core.loop);
  std::uint64_t given = 0;
  for (;;) {
    auto got = co_await answer.read(writer.room());
    if (!got && writer.withdraw()) {
      co_await turn.refuse(got.error());
      ending.ended(got.error());
      co_return;
    }
    if (!got) {
      const bool told = co_await writer.fail(got.error());
      turn.close = turn.close || !told;
      if (!told) turn.connection.close();
      ending.ended(got.error());
      co_return;
    }
    given += *got;
    ending.progress.bytes_out = given;
    auto then = *got == 0 ? AnswerWriter::Then::end : AnswerWriter::Then::more;
    if (then == AnswerWriter::Then::more && length == given) {
      // All is here: its end costs no wait, and goes out in the same write.
      std::array<std::byte, 1> beyond{};
      const auto end = co_await answer.read(beyond);
      if (end && *end == 0) then = AnswerWriter::Then::end;
    }
    const auto sent = co_await writer.send(*got, then);
    if (sent != Io::ok) {
      turn.close = true;
      turn.connection.close();
      co_return;
    }
    if (then == AnswerWriter::Then::end) break;
  }
  ending.ended();
}

asio::awaitable<void> refuse_call(Turn& turn, Error error, int status, Ending& ending) {
  turn.core.broker.record_refusal(turn.caller, turn.id, error);
  co_await turn.refuse(error, status);
  ending.ended(error);
}

}  // namespace

asio::awaitable<void> answer_call(Turn& turn, std::function<void()> cancel) {
  Ending ending(turn);
  auto control = parse_control(turn.head.headers);
  if (control && control->client_ip) {
    if (auto checked = turn.core.broker.check_client(*control->client_ip); !checked) {
      control = fail(std::move(checked).error());
    }
  }
  if (!control) {
    co_await refuse_call(turn, std::move(control).error(), 0, ending);
    co_return;
  }
  const HangupWatch watch(turn.connection, std::move(cancel));
  const auto completion = control->complete_missing ? protocol::Completion::allow_missing
                                                    : protocol::Completion::refuse_missing;
  bool too_large = false;
  MemoryBudget::Share memory(turn.core.memory, turn.caller.uid, turn.caller.is_operator);
  auto read = co_await read_envelope(
      turn.core, memory, turn.head.headers, turn.body, completion, too_large);
  if (!read && turn.body.failure()) {
    co_await turn.refuse_body(read.error());
    ending.ended(read.error());
    co_return;
  }
  if (!read) {
    const int status = too_large ? kContentTooLarge : 0;
    co_await refuse_call(turn, std::move(read).error(), status, ending);
    co_return;
  }
  co_await turn.body.acknowledge();
  turn.connection.release_buffer();

  broker::Call call;
  call.caller = turn.caller;
  call.request_id = turn.id;
  call.envelope = std::move(read->envelope);
  call.workspace = std::move(control->workspace);
  call.group = std::move(control->group);
  call.client_ip = std::move(control->client_ip);
  call.timeout = control->timeout;
  call.complete_missing = control->complete_missing;
  call.announced = read->announced.get();
  auto answer = co_await turn.core.broker.invoke(std::move(call));
  if (!answer) {
    co_await turn.refuse_body(answer.error());
    ending.ended(answer.error());
    co_return;
  }
  const bool asked_head = std::ranges::any_of((*answer)->headers(), [](const http::Header& header) {
    return header.name == protocol::kMethod && header.value == "HEAD";
  });
  co_await relay(turn, **answer, asked_head, ending);
}

}  // namespace aivault::server
