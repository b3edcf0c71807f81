// Row 18: a call that needs the operator's approval is held, whole, until there is a decision.
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/encoding.h"
#include "broker/broker_impl.h"
#include "broker/random.h"
#include "catalog/approvals.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;
using catalog::Approvals;
using State = Approvals::State;

constexpr std::size_t kMaxHeld = std::size_t{1} << 20U;
constexpr std::size_t kIdBytes = 8;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

class HeldBody final : public CountedSource {
 public:
  explicit HeldBody(std::string bytes) : bytes_(std::move(bytes)) {}

  asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    const auto size = std::min<std::size_t>(into.size(), bytes_.size() - taken());
    std::memcpy(into.data(), bytes_.data() + taken(), size);
    count(size);
    co_return size;
  }

 private:
  std::string bytes_;
};

tl::unexpected<Error> too_large(std::string_view why) {
  return policy_violation(
      "body_too_large",
      "request body exceeds capability size limit: " + std::string(why) + ", at most 1 MiB");
}

std::string query_of(const http::Target& target) {
  const auto wire = target.wire();
  const auto mark = wire.find('?');
  return mark == std::string::npos ? "" : wire.substr(mark + 1);
}

// The wait of one call; whoever leaves it, however, does not wait any longer.
struct Wait {
  Wait(const asio::any_io_executor& executor, Approvals& all, std::string its_id)
      : timer(executor), approvals(all), id(std::move(its_id)) {}
  asio::steady_timer timer;
  Approvals& approvals;
  std::string id;
  std::optional<State> decided;
};

class Leaving {
 public:
  explicit Leaving(std::shared_ptr<Wait> wait) : wait_(std::move(wait)) {}
  ~Leaving() { wait_->approvals.end(wait_->id, State::cancelled, now()); }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;

 private:
  std::shared_ptr<Wait> wait_;
};

Result<void> outcome_of(State state) {
  if (state == State::approved) return {};
  if (state == State::denied) {
    return policy_violation("approval_denied", "request denied by operator");
  }
  if (state == State::cancelled) {
    return vault_unavailable("shutting_down", "the daemon is shutting down");
  }
  return policy_violation("approval_timeout", "approval timed out");
}

}  // namespace

asio::awaitable<Result<std::string>> hold_whole(OutgoingBody& body, std::string_view why) {
  std::string bytes;
  if (!body.source) co_return bytes;
  if (body.size.value_or(0) > kMaxHeld) co_return too_large(why);
  std::array<std::byte, 16384> buffer{};
  for (;;) {
    auto got = co_await body.source->read(buffer);
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0) break;
    bytes += text_of(std::span(buffer).first(*got));
    if (bytes.size() > kMaxHeld) co_return too_large(why);
  }
  body.source = std::make_unique<HeldBody>(bytes);
  co_return bytes;
}

asio::awaitable<Result<void>> Broker::Impl::get_approval(const VaultPtr& vault,
                                                         const Call& call,
                                                         Decision& decision,
                                                         const audit::Event& event) {
  if (!options_.is_reached_by_operators) {
    co_return policy_violation("approval_denied",
                               "request denied: it needs an operator's approval, and no operator "
                               "reaches this private aivaultd (AIVAULTD_DISABLE)");
  }
  auto held = co_await hold_whole(decision.body, "a call that needs approval is held whole");
  if (!held) co_return fail(std::move(held).error());
  Approvals::Asked asked;
  asked.capability = event.capability;
  asked.credential = event.credential;
  asked.method = decision.approved.method();
  asked.host = event.host;
  asked.path = event.path;
  asked.query = query_of(decision.approved.target());
  for (const auto& header : decision.approved.headers()) {
    asked.headers.emplace_back(header.name, header.value);
  }
  asked.body = *std::move(held);
  if (const auto* agent = decision.authority->agent()) asked.agent = agent->name;
  asked.uid = call.caller.uid;
  asked.pid = call.caller.pid;
  asked.user = call.caller.user;
  asked.exe = call.caller.exe;
  asked.unit = call.caller.unit;
  asked.workspace = decision.context.workspace;
  asked.group = decision.context.group;

  const auto bytes = random_bytes();
  auto id = hex(std::span(bytes).first(kIdBytes));
  auto& approvals = catalog_.approvals();
  const auto wait = std::make_shared<Wait>(executor_, approvals, id);
  auto decided = [wait, executor = executor_](State state) {
    asio::post(executor, [wait, state] {
      wait->decided = state;
      wait->timer.cancel();
    });
  };
  const std::chrono::milliseconds patience(decision.limits.approval_ms.value_or(0));
  wait->timer.expires_after(patience);
  auto queued = approvals.ask(id, std::move(asked), now(), patience, std::move(decided));
  if (!queued) co_return queued;
  const Leaving leaving(wait);

  // The units of the call are taken now, whatever is decided.
  auto request = event;
  request.kind = "approval.request";
  request.approval_id = id;
  auto recorded = co_await take_start(vault, decision, std::move(request));
  if (!recorded) co_return recorded;
  decision.limits.rates.clear();
  const auto told = call.on_approval ? call.on_approval(id) : nullptr;

  // Whoever loses the right to the call meanwhile waits for nothing.
  decision.withdrawal->on_withdrawal([weak = std::weak_ptr(wait)] {
    if (const auto waiting = weak.lock()) waiting->timer.cancel();
  });
  const auto& withdrawn = decision.withdrawal->why();
  while (!wait->decided && !withdrawn && wait->timer.expiry() > std::chrono::steady_clock::now()) {
    const auto token = asio::as_tuple(asio::use_awaitable);
    co_await wait->timer.async_wait(token);
  }
  if (withdrawn) co_return fail(*withdrawn);
  const auto state = wait->decided ? *wait->decided : approvals.end(id, State::expired, now());
  if (state == State::expired) {
    auto expired = event;
    expired.kind = "approval.expire";
    expired.approval_id = id;
    vault->record(std::move(expired), [](const Result<void>&) {});
  }
  tally_.approval(catalog::to_string(state));
  co_return outcome_of(state);
}

}  // namespace aivault::broker
