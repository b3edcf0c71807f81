#include <memory>
#include <utility>

#include "server/approval_notice.h"
#include "server/call_answer.h"
#include "server/call_envelope.h"
#include "server/control.h"
#include "server/new_call.h"
#include "server/turn.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr int kContentTooLarge = 413;

}  // namespace

asio::awaitable<void> answer_call(Turn& turn, std::function<void()> cancel) {
  Ending ending(turn);
  auto allowed = check_caller(turn);
  if (!allowed) {
    co_await refuse_call(turn, std::move(allowed).error(), 0, ending);
    co_return;
  }
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
  const HangupWatch watch(turn.core.loop, turn.connection, turn.caller.door, std::move(cancel));
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

  auto call = new_call(turn, *control);
  call.envelope = std::move(read->envelope);
  call.complete_missing = control->complete_missing;
  call.announced = read->announced.get();
  if (control->wants_interim) {
    call.on_approval = [&turn](std::string_view id) {
      return std::make_shared<ApprovalNotice>(turn.core.loop, turn.connection, id);
    };
  }
  co_await carry_out(turn, std::move(call), AnswerForm::enveloped, ending);
}

}  // namespace aivault::server
