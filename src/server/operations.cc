#include <array>
#include <exception>
#include <memory>
#include <utility>

#include "broker/run_on.h"
#include "json/write.h"
#include "server/decode.h"
#include "server/json_body.h"
#include "server/stream.h"
#include "server/turn.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kBetweenBytes(30);
constexpr std::chrono::seconds kWholeBody(60);
constexpr int kContentTooLarge = 413;
constexpr int kOk = 200;
constexpr int kAccepted = 202;
constexpr std::size_t kMaxControlBody = std::size_t{4} << 10U;  // Of what concerns the process.
constexpr std::size_t kMaxOperations = 64;
constexpr std::size_t kOperatorReserve = 16;  // Of them.
constexpr std::size_t kMaxOfOneCaller = 8;
constexpr std::string_view kAudit = "/aivault/audit";

json::Value with_notices(admin::Answer& answer) {
  auto notices = json::Value::array();
  for (const auto& notice : answer.notices) {
    const bool warns = notice.level == admin::Answer::Notice::Level::warning;
    notices.push(json::Value::object({{"level", json::Value(warns ? "warning" : "notice")},
                                      {"text", json::Value(notice.text)}}));
  }
  auto whole = json::Value::object();
  whole.set("notices", std::move(notices)).set("result", std::move(answer.result));
  return whole;
}

Result<Reply> handle(admin::Desk& desk, Job& job) {
  // The audit is read only after what happened before the question is in it.
  if (job.operation.path.starts_with(kAudit)) {
    if (const auto vault = desk.slot.peek()) vault->flush();
  }
  TRY_ASSIGN(auto answer, job.operation.handle(desk, job.request));
  return reply_of(std::move(answer));
}

// An exception ends this operation and nothing else.
Result<Reply> handle_guarded(admin::Desk& desk, Job& job) {
  try {
    return handle(desk, job);
  } catch (const std::exception&) {
    return vault_unavailable("internal", "internal error");
  }
}

const asio::any_io_executor& executor_of(const Server::Lanes& lanes, admin::Lane lane) {
  switch (lane) {
    case admin::Lane::quick: return lanes.quick;
    case admin::Lane::slow: return lanes.slow;
    case admin::Lane::patient: return lanes.patient;
    case admin::Lane::urgent: break;
  }
  return lanes.urgent;
}

// A place in the queue of the operator thread. Callers get few, so that operators always do.
class Place {
 public:
  static bool is_free(const Core& core, const broker::Caller& caller) {
    if (caller.is_operator) return core.operations < kMaxOperations;
    const auto mine = core.operations_of_uid.find(caller.uid);
    return core.operations < kMaxOperations - kOperatorReserve &&
           (mine == core.operations_of_uid.end() || mine->second < kMaxOfOneCaller);
  }
  Place(Core& core, std::int64_t uid) : core_(core), uid_(uid) {
    ++core_.operations;
    ++core_.operations_of_uid[uid_];
  }
  ~Place() {
    --core_.operations;
    const auto mine = core_.operations_of_uid.find(uid_);
    if (--mine->second == 0) core_.operations_of_uid.erase(mine);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  Core& core_;
  std::int64_t uid_;
};

}  // namespace

admin::Actor actor_of(const Turn& turn) {
  const auto& caller = turn.caller;
  const auto asker = broker::asker_of(caller);
  return {.uid = caller.uid,
          .pid = caller.pid,
          .user = caller.user,
          .exe = caller.exe,
          .unit = caller.unit,
          .is_operator = asker.operates && !asker.remote && !turn.token,
          .operates = asker.operates,
          .remote = asker.remote,
          .socket = name_of(caller.door),
          .request_id = turn.id};
}

asio::awaitable<bool> take_body(Turn& turn,
                                MemoryBudget::Share& memory,
                                std::shared_ptr<JsonBody> body,
                                std::size_t limit) {
  if (!turn.body.declared_empty()) {
    const auto* type = http::find(turn.head.headers, "content-type");
    if (limit > 0 && (type == nullptr || !is_json_type(*type))) {
      Error error{ErrorCode::invalid_request,
                  "content_type",
                  "the body must be sent as content-type: application/json",
                  0};
      co_await turn.refuse(std::move(error));
      co_return false;
    }
  }
  turn.body.set_pace(kBetweenBytes, kWholeBody);
  bool too_large = false;
  auto read = co_await body->read(turn.body, memory, limit, too_large);
  if (too_large) {
    co_await turn.refuse(std::move(read).error(), kContentTooLarge);
    co_return false;
  }
  if (!read) {
    co_await turn.refuse_body(std::move(read).error());
    co_return false;
  }
  co_await turn.body.acknowledge();
  if (limit == 0) co_return true;
  const auto size = body->text().size();
  auto work = [body = std::move(body), limit] { return body->parse(limit); };
  auto parsed = co_await decode(turn.core.decoder, size, std::move(work));
  if (parsed) co_return true;
  co_await turn.refuse(std::move(parsed).error());
  co_return false;
}

Result<Reply> reply_of(admin::Answer answer) {
  const auto order =
      answer.form == admin::Answer::Form::shape ? json::Order::as_built : json::Order::alphabetical;
  const auto status = answer.status;
  const auto whole = answer.is_change ? with_notices(answer) : std::move(answer.result);
  return json_reply(status, json::compact(whole, order));
}

asio::awaitable<void> answer_operation(Turn& turn,
                                       const admin::Operation& operation,
                                       std::vector<std::string> ids,
                                       std::string_view query) {
  auto job = std::make_shared<Job>(operation, admin::Request());
  auto parsed = parse_query(query, operation.query_keys);
  if (!parsed) {
    co_await turn.refuse(std::move(parsed).error());
    co_return;
  }
  job->request.actor = actor_of(turn);
  job->request.token = turn.token;
  job->request.ids = std::move(ids);
  job->request.query = *std::move(parsed);
  MemoryBudget::Share memory(turn.core.memory, turn.caller.uid, turn.caller.is_operator);
  if (operation.stream == admin::Stream::upload) {
    co_await answer_upload(turn, memory, std::move(job));
    co_return;
  }
  std::shared_ptr<JsonBody> body(job, &job->body);
  const bool taken = co_await take_body(turn, memory, std::move(body), operation.max_body);
  if (!taken) co_return;
  if (operation.max_body > 0) job->request.body = &job->body.value();
  if (operation.stream == admin::Stream::download) {
    co_await answer_download(turn, std::move(job));
    co_return;
  }
  if (!Place::is_free(turn.core, turn.caller)) {
    Error busy{ErrorCode::vault_unavailable, "busy", "vault busy", 1};
    co_await turn.refuse(std::move(busy));
    co_return;
  }
  const Place place(turn.core, turn.caller.uid);
  if (operation.path.starts_with(kAudit)) turn.core.broker.settle();
  auto work = [job, &desk = turn.core.desk] { return handle_guarded(desk, *job); };
  job.reset();  // It ends with the work, on the thread that does it.
  const auto& executor = executor_of(turn.core.lanes, operation.lane);
  auto answer = co_await broker::run_on(executor, std::move(work));
  if (answer) {
    co_await turn.reply(*std::move(answer));
  } else {
    co_await turn.refuse(std::move(answer).error());
  }
}

asio::awaitable<void> answer_reload(Turn& turn) {
  MemoryBudget::Share memory(turn.core.memory, turn.caller.uid, turn.caller.is_operator);
  const auto body = std::make_shared<JsonBody>();
  const bool taken = co_await take_body(turn, memory, body, kMaxControlBody);
  if (!taken) co_return;
  const auto& value = body->value();
  if (!value.is(json::Kind::object) || !value.members().empty()) {
    Error error{ErrorCode::invalid_request, "record_invalid", "the body must be {}", 0};
    co_await turn.refuse(std::move(error));
    co_return;
  }
  auto actor = actor_of(turn);
  const auto outcome = co_await turn.core.hooks.on_reload(std::move(actor));
  if (!outcome) {
    auto error = outcome.error();
    co_await turn.refuse(std::move(error));
    co_return;
  }
  auto done = json_reply(kOk, json::compact(*outcome, json::Order::alphabetical));
  co_await turn.reply(std::move(done));
}

asio::awaitable<void> answer_shutdown(Turn& turn) {
  MemoryBudget::Share memory(turn.core.memory, turn.caller.uid, turn.caller.is_operator);
  const auto body = std::make_shared<JsonBody>();
  const bool taken = co_await take_body(turn, memory, body, kMaxControlBody);
  if (!taken) co_return;
  const auto& value = body->value();
  const auto* mode = value.find("mode");
  const bool known = value.is(json::Kind::object) && value.members().size() == 1 &&
                     mode != nullptr && mode->is(json::Kind::string) &&
                     (mode->text() == "exit" || mode->text() == "restart");
  if (!known) {
    Error error{
        ErrorCode::invalid_request, "record_invalid", "mode must be 'exit' or 'restart'", 0};
    co_await turn.refuse(std::move(error));
    co_return;
  }
  const auto wanted = mode->text() == "exit" ? ShutdownMode::exit : ShutdownMode::restart;
  const auto text = json::compact(turn.core.hooks.on_shutdown(wanted), json::Order::alphabetical);
  auto accepted = json_reply(kAccepted, text);
  turn.close = true;
  co_await turn.reply(std::move(accepted));
}

}  // namespace aivault::server
