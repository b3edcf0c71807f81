#include <chrono>
#include <optional>
#include <utility>

#include "server/call_answer.h"
#include "server/control.h"
#include "server/new_call.h"
#include "server/passthrough_target.h"
#include "server/turn.h"
#include "server/websocket.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kStreamPatience(300);

// All that is said of a call before its body; errors are refusals of it.
Result<broker::Call> call_of(Turn& turn) {
  const auto parsed = parse_passthrough(turn.head.target);
  auto target = parsed.value_or(PassthroughTarget());
  TRY_ASSIGN(turn.token,
             turn.core.broker.take_native_token(target.account, turn.head.headers, target.rest));
  TRY(check_caller(turn));
  TRY_ASSIGN(auto control, parse_control(turn.head.headers));
  if (control.client_ip) TRY(turn.core.broker.check_client(*control.client_ip));
  if (!parsed) return fail(parsed.error());
  auto call = new_call(turn, std::move(control));
  call.account = std::move(target.account);
  call.envelope.method = turn.head.method;
  call.envelope.path = std::move(target.rest);
  call.envelope.headers = turn.head.headers;
  if (!turn.body.declared_empty()) {
    call.envelope.body = protocol::StreamBody{turn.body.declared_size()};
    call.announced = &turn.body;
  }
  return call;
}

}  // namespace

asio::awaitable<void> answer_passthrough(Turn& turn, std::function<void()> cancel) {
  Ending ending(turn);
  std::optional<http::websocket::Opening> opening;
  if (http::websocket::asks_to_open(turn.head)) {
    opening = co_await take_opening(turn, ending);
    if (!opening) co_return;
  }
  auto call = call_of(turn);
  if (call && opening) {
    // Without the one in which the token was.
    const auto protocols = http::websocket::protocols_of(turn.head.headers);
    call->upgrade.emplace();
    if (protocols) call->upgrade->assign(protocols->begin(), protocols->end());
  }
  if (!call) {
    co_await refuse_call(turn, std::move(call).error(), 0, ending);
    co_return;
  }
  const HangupWatch watch(turn.core.loop, turn.connection, turn.caller.door, std::move(cancel));
  turn.body.set_pace(kStreamPatience, std::nullopt);
  co_await turn.body.acknowledge();
  turn.connection.release_buffer();
  if (opening) {
    co_await carry_out_upgrade(turn, *std::move(call), *std::move(opening), ending);
    co_return;
  }
  co_await carry_out(turn, *std::move(call), AnswerForm::native, ending);
}

}  // namespace aivault::server
