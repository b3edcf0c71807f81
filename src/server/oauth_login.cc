// Logins: the network and what waits for people run here on the loop, what reads or changes the
// vault on the operator thread.
#include "admin/oauth_login.h"

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "admin/body.h"
#include "admin/shapes.h"
#include "broker/run_on.h"
#include "server/json_body.h"
#include "server/stream.h"
#include "server/turn.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
using json::Value;
using std::chrono::milliseconds;

constexpr std::size_t kMaxBody = std::size_t{64} << 10U;
constexpr std::int64_t kLongestWait = 60'000;  // Milliseconds.

struct LoginJob {
  admin::Request request;
  JsonBody body;
};
using JobPtr = std::shared_ptr<LoginJob>;

// nullptr: the request was answered.
asio::awaitable<JobPtr> take_job(Turn& turn, std::size_t limit) {
  const auto job = std::make_shared<LoginJob>();
  job->request.actor = actor_of(turn);
  MemoryBudget::Share memory(turn.core.memory, turn.caller.uid, turn.caller.is_operator);
  std::shared_ptr<JsonBody> body(job, &job->body);
  const bool taken = co_await take_body(turn, memory, std::move(body), limit);
  if (!taken) co_return nullptr;
  if (limit > 0) job->request.body = &job->body.value();
  co_return job;
}

// An exception ends this request and nothing else.
template <typename Work>
auto guarded(Work work) {
  return [work = std::move(work)]() mutable -> decltype(work()) {
    try {
      return work();
    } catch (const std::exception&) {
      return vault_unavailable("internal", "internal error");
    }
  };
}

asio::awaitable<void> answer_with(Turn& turn, admin::Answer answer) {
  auto reply = reply_of(std::move(answer));
  if (reply) {
    co_await turn.reply(*std::move(reply));
  } else {
    co_await turn.refuse(std::move(reply).error());
  }
}

std::string_view result_of(const Error& error) {
  if (error.reason == "login_denied") return "denied";
  return error.reason == "login_expired" ? "expired" : "failed";
}

// Keeps the tokens, or the record that there are none.
asio::awaitable<Result<admin::Answer>> conclude(Turn& turn,
                                                JobPtr job,
                                                std::shared_ptr<const tokens::LoginPlan> plan,
                                                Result<tokens::Obtained> obtained) {
  auto* desk = &turn.core.desk;
  const auto result = std::make_shared<Result<tokens::Obtained>>(std::move(obtained));
  auto work = guarded([desk, job, plan, result]() -> Result<admin::Answer> {
    if (*result) return admin::store_login(*desk, job->request, **result);
    if (plan) admin::record_failed_login(*desk, job->request, *plan, result->error());
    return fail(result->error());
  });
  auto answer = co_await broker::run_on(turn.core.lanes.quick, std::move(work));
  turn.core.count(metrics::Name::oauth_logins, {answer ? "ok" : result_of(answer.error())});
  co_return answer;
}

Value started_object(const tokens::StartedLogin& started) {
  auto object = Value::object();
  object.set("expiresAtMs", to_int(started.expires_at)).set("loginId", started.id);
  if (!started.auth_url.empty()) {
    object.set("authUrl", started.auth_url);
    return object;
  }
  object.set("intervalMs", std::int64_t{milliseconds(started.interval).count()})
      .set("userCode", started.user_code)
      .set("verificationUri", started.verification_uri);
  return object;
}

// The wrong word of somebody else changes nothing and is no end of the login.
bool changes_nothing(const Error& error) { return error.code == ErrorCode::invalid_request; }

}  // namespace

asio::awaitable<void> answer_login_start(Turn& turn) {
  const auto job = co_await take_job(turn, kMaxBody);
  if (!job) co_return;
  auto* desk = &turn.core.desk;
  auto work = guarded([desk, job] { return admin::plan_login(*desk, job->request); });
  auto plan = co_await broker::run_on(turn.core.lanes.quick, std::move(work));
  if (!plan) {
    co_await turn.refuse(std::move(plan).error());
    co_return;
  }
  auto started = co_await turn.core.broker.logins().start(*std::move(plan));
  if (!started) {
    const bool too_many = started.error().reason == "concurrency_limit";
    if (too_many) turn.core.count(metrics::Name::rate_limited, {"logins"});
    co_await turn.refuse(std::move(started).error());
    co_return;
  }
  auto answer = admin::changed(admin::ad_hoc(started_object(*started)));
  co_await answer_with(turn, std::move(answer));
}

asio::awaitable<void> answer_login_callback(Turn& turn, std::string id) {
  const auto job = co_await take_job(turn, kMaxBody);
  if (!job) co_return;
  auto redirect = admin::redirect_in(job->request);
  if (!redirect) {
    co_await turn.refuse(std::move(redirect).error());
    co_return;
  }
  auto& logins = turn.core.broker.logins();
  const auto plan = logins.plan_of(id);
  auto obtained = co_await logins.finish(std::move(id), *std::move(redirect));
  if (!obtained && changes_nothing(obtained.error())) {
    co_await turn.refuse(std::move(obtained).error());
    co_return;
  }
  auto answer = co_await conclude(turn, job, plan, std::move(obtained));
  if (answer) {
    co_await answer_with(turn, *std::move(answer));
  } else {
    co_await turn.refuse(std::move(answer).error());
  }
}

asio::awaitable<void> answer_login_wait(Turn& turn, std::string id, std::string_view query) {
  static constexpr std::array<std::string_view, 1> kKeys{"waitMs"};
  auto parsed = parse_query(query, kKeys);
  if (!parsed) {
    co_await turn.refuse(std::move(parsed).error());
    co_return;
  }
  const auto job = co_await take_job(turn, 0);
  if (!job) co_return;
  job->request.query = *std::move(parsed);
  auto wanted = admin::Query(job->request).integer("waitMs");
  if (!wanted || wanted->value_or(0) < 0 || wanted->value_or(0) > kLongestWait) {
    Error error{ErrorCode::invalid_request, "record_invalid", "'waitMs' must be 0 to 60000", 0};
    co_await turn.refuse(std::move(error));
    co_return;
  }
  auto& logins = turn.core.broker.logins();
  const auto plan = logins.plan_of(id);
  const milliseconds limit(wanted->value_or(0));
  std::function<bool()> is_over = [&core = turn.core] { return core.draining; };
  auto waited = co_await logins.wait(std::move(id), limit, std::move(is_over));
  if (!waited && changes_nothing(waited.error())) {
    co_await turn.refuse(std::move(waited).error());
    co_return;
  }
  if (waited && !*waited) {
    auto pending = admin::ad_hoc(Value::object({{"state", Value("pending")}}));
    co_await answer_with(turn, std::move(pending));
    co_return;
  }
  Result<tokens::Obtained> obtained = tl::unexpected(Error());
  if (waited) {
    obtained = **std::move(waited);
  } else {
    obtained = tl::unexpected(std::move(waited).error());
  }
  auto answer = co_await conclude(turn, job, plan, std::move(obtained));
  if (!answer) {
    co_await turn.refuse(std::move(answer).error());
    co_return;
  }
  co_await answer_with(turn, *std::move(answer));
}

asio::awaitable<void> answer_login_cancel(Turn& turn, std::string id) {
  const auto job = co_await take_job(turn, 0);
  if (!job) co_return;
  if (!turn.core.broker.logins().cancel(id)) {
    Error error{ErrorCode::invalid_request, "not_found", "login not found", 0};
    co_await turn.refuse(std::move(error));
    co_return;
  }
  turn.core.count(metrics::Name::oauth_logins, {"cancelled"});
  auto answer = admin::changed(
      admin::ad_hoc(Value::object({{"cancelled", Value(true)}, {"loginId", Value(id)}})));
  co_await answer_with(turn, std::move(answer));
}

}  // namespace aivault::server
