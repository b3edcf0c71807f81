#include "server/call_answer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "protocol/headers.h"
#include "server/answer_writer.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr int kNoContent = 204;
constexpr int kNotModified = 304;

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

// The answer to a HEAD that a client sent itself: what a body would be like, and none.
Framing head_framing(const broker::Answer& answer) {
  Framing framing;
  framing.body = AnswerWriter::Body::plain;
  if (const auto length = answer.content_length()) {
    framing.headers.push_back({"content-length", std::to_string(*length)});
  }
  return framing;
}

bool asked_by_head(const broker::Answer& answer) {
  return std::ranges::any_of(answer.headers(), [](const http::Header& header) {
    return header.name == protocol::kMethod && header.value == "HEAD";
  });
}

}  // namespace

asio::awaitable<void> relay(Turn& turn, broker::Answer& answer, AnswerForm form, Ending& ending) {
  const bool is_native = form == AnswerForm::native;
  const bool asked_head = asked_by_head(answer);
  turn.close = turn.keep() == Keep::close;
  ending.progress.status = answer.status();
  // Clients of vendors say `te: trailers` without knowing ours.
  const bool with_outcome = turn.head.accepts_trailers && !is_native;
  const auto framing =
      asked_head && is_native ? head_framing(answer) : framing_of(answer, asked_head, with_outcome);
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

Result<void> check_caller(const Turn& turn) {
  if (!turn.token && turn.caller.is_operator) return {};
  const auto authority = turn.core.broker.authority(turn.caller, turn.token.get());
  // Without an open vault the call itself says what is wrong.
  if (authority || authority.error().code == ErrorCode::vault_unavailable) return {};
  return fail(authority.error());
}

asio::awaitable<void> refuse_call(Turn& turn, Error error, int status, Ending& ending) {
  turn.core.broker.record_refusal(turn.caller, turn.id, error);
  co_await turn.refuse(error, status);
  ending.ended(error);
}

asio::awaitable<void> carry_out(Turn& turn, broker::Call call, AnswerForm form, Ending& ending) {
  auto answer = co_await turn.core.broker.invoke(std::move(call));
  if (!answer) {
    co_await turn.refuse_body(answer.error());
    ending.ended(answer.error());
    co_return;
  }
  co_await relay(turn, **answer, form, ending);
}

}  // namespace aivault::server
