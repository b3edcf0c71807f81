// Tokens are minted on the operator thread; their values leave by a way of their own.
#include "admin/mint.h"

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "broker/run_on.h"
#include "server/secret_reply.h"
#include "server/turn.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
constexpr std::size_t kMaxBody = std::size_t{256} << 10U;

struct MintJob {
  admin::Request request;
  JsonBody body;
};

Result<admin::Answer> mint(admin::Desk& desk, const MintJob& job, Minter minter) {
  try {
    return minter == Minter::operators ? admin::mint_token(desk, job.request)
                                       : admin::mint_own_token(desk, job.request);
  } catch (const std::exception&) {
    return vault_unavailable("internal", "internal error");
  }
}

bool is_held(const json::Value& body) {
  const auto* hold = body.find("hold");
  return hold != nullptr && hold->is(json::Kind::boolean) && hold->boolean();
}

}  // namespace

asio::awaitable<std::string> answer_mint(Turn& turn, Minter minter) {
  const auto job = std::make_shared<MintJob>();
  job->request.actor = actor_of(turn);
  MemoryBudget::Share memory(turn.core.memory, turn.caller.uid, turn.caller.is_operator);
  std::shared_ptr<JsonBody> body(job, &job->body);
  const bool taken = co_await take_body(turn, memory, std::move(body), kMaxBody);
  if (!taken) co_return std::string();
  job->request.body = &job->body.value();
  auto work = [job, &desk = turn.core.desk, minter] { return mint(desk, *job, minter); };
  auto answer = co_await broker::run_on(turn.core.lanes.quick, std::move(work));
  if (!answer) {
    co_await turn.refuse(std::move(answer).error());
    co_return std::string();
  }
  const auto* id = answer->result.find("tokenId");
  std::string held = id != nullptr && is_held(job->body.value()) ? std::string(id->text()) : "";
  co_await reply_with_token(turn, *std::move(answer));
  co_return held;
}

}  // namespace aivault::server
