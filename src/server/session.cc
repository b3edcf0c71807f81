#include "server/session.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include "broker/random.h"
#include "broker/request_id.h"
#include "json/write.h"
#include "protocol/headers.h"
#include "server/loopback_rules.h"
#include "server/one_shot.h"
#include "server/shown_token.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kFirstByte(10);
constexpr std::chrono::seconds kFirstByteOfQueued(1);
constexpr std::chrono::seconds kIdle(60);
constexpr std::chrono::seconds kHead(10);
constexpr std::chrono::minutes kMaxAge(10);
constexpr unsigned kMaxRequests = 10'000;
constexpr std::size_t kMaxUnread = std::size_t{256} << 10U;
constexpr std::chrono::seconds kLinger(2);

std::string new_request_id() {
  const auto now = std::chrono::system_clock::now();
  return broker::make_request_id(std::chrono::time_point_cast<std::chrono::milliseconds>(now),
                                 broker::random_bytes());
}

Error syntax(std::string message) {
  return Error{ErrorCode::invalid_request, "http_syntax", std::move(message), 0};
}

bool is_call(const Route& route) {
  return route.own == Own::proxy || route.own == Own::passthrough || route.own == Own::websocket;
}

// Counts the connection as busy while it lives.
class Busy {
 public:
  explicit Busy(Core& core) : core_(core) { ++core_.busy; }
  ~Busy() { --core_.busy; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Core& core_;
};

std::string health_of(const Core& core) {
  auto features = json::Value::array();
  for (const auto* feature : {"envelope", "interim", "trailers"}) features.push(feature);
  auto health = json::Value::object();
  health.set("api", 1)
      .set("autostarted", core.desk.facts.autostarted)
      .set("features", std::move(features))
      .set("ok", true)
      .set("state", core.draining ? "draining" : "serving")
      .set("version", core.desk.facts.version);
  return json::compact(health, json::Order::alphabetical);
}

}  // namespace

Session::Session(std::shared_ptr<Core> core,
                 platform::Descriptor connected,
                 const platform::Peer& peer,
                 Entrance entrance,
                 Arrival arrival)
    : core_(std::move(core)),
      connection_(core_->loop, std::move(connected)),
      port_(entrance.port),
      queued_(arrival == Arrival::queued),
      began_(Clock::now()),
      idle_since_(began_) {
  caller_.uid = peer.uid;
  caller_.pid = peer.pid;
  caller_.door = entrance.door;
  caller_.is_operator = core_->is_operator(peer.uid, entrance.door);
}

void Session::start(std::function<void(Session&)> ended) {
  auto self = shared_from_this();
  auto at_end = [self, ended = std::move(ended)](const std::exception_ptr&) { ended(*self); };
  asio::co_spawn(core_->loop,
                 run(std::move(self)),
                 asio::bind_cancellation_slot(cancel_.slot(), std::move(at_end)));
}

void Session::drain() {
  if (on_drain_) on_drain_();
  if (queued_) return;
  if (idle_ && requests_ > 0) return connection_.interrupt();
  // A request that has begun to arrive, and who has only just connected: as if still in the queue.
  queued_ = true;
  if (idle_) connection_.limit(kFirstByteOfQueued);
}

void Session::cancel() { cancel_.emit(asio::cancellation_type::terminal); }

std::function<void()> Session::canceller() {
  return [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->cancel();
  };
}

asio::awaitable<void> Session::run(std::shared_ptr<Session> self) {
  try {
    co_await self->serve();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    // Cancelled: the peer is gone, or the server stops. Or something broke inside one request,
    // which ends its connection and no other.
  }
  self->connection_.close();
  self->end_held_tokens();
}

void Session::end_held_tokens() {
  for (const auto& id : held_tokens_) core_->broker.end_held_token(caller_, id);
  held_tokens_.clear();
}

asio::awaitable<void> Session::serve() {
  for (;;) {
    idle_ = true;
    idle_since_ = Clock::now();
    const auto waited = co_await wait_for_request();
    idle_ = false;
    if (waited != Io::ok) co_return;
    const Busy busy(*core_);
    co_await core_->rounds.turn(caller_.uid);
    const bool more = co_await serve_one();
    if (!more) {
      co_await linger();
      co_return;
    }
  }
}

asio::awaitable<Io> Session::wait_for_request() {
  if (!connection_.received().empty()) co_return Io::ok;
  auto patience = requests_ == 0 ? kFirstByte : kIdle;
  if (queued_) patience = kFirstByteOfQueued;
  // A connection that holds a token is idle as long as the token serves.
  if (held_tokens_.empty()) connection_.limit(patience);
  auto waited = core_->draining && !queued_ ? Io::interrupted : Io::ok;
  if (waited == Io::ok) waited = co_await connection_.receive();
  connection_.no_limit();
  // What was sent before the server began to drain gets an answer.
  if (waited == Io::interrupted) waited = connection_.receive_now();
  co_return waited;
}

asio::awaitable<Io> Session::receive_head(std::size_t& size) {
  std::size_t searched = 0;
  connection_.limit(kHead);
  auto io = Io::ok;
  for (;;) {
    const auto received = connection_.received();
    size = http::head_size(received, searched);
    if (size > 0 || received.size() > http::kMaxHead) break;
    searched = received.size();
    io = co_await connection_.receive();
    if (io != Io::ok) break;
  }
  connection_.no_limit();
  co_return io;
}

asio::awaitable<void> Session::refuse_head(std::string message, int status) {
  auto answer = error_reply(syntax(std::move(message)), status);
  if (status == 405) answer.headers.push_back({"allow", "GET, POST, PATCH, PUT, DELETE"});
  const auto wire = to_wire(answer, new_request_id(), Keep::close);
  core_->count_error(answer.status);
  const std::array<std::string_view, 1> parts = {wire};
  connection_.limit(kLinger);
  co_await connection_.send(parts);
}

asio::awaitable<bool> Session::serve_one() {
  constexpr int kTimeout = 408;
  constexpr int kHeadTooLarge = 431;
  ++requests_;
  if (connection_.received().starts_with('{') && !is_remote()) {
    learn_caller();
    auto cancel = canceller();
    co_await answer_one_shot(*core_, connection_, caller_, new_request_id(), std::move(cancel));
    co_return false;
  }
  std::size_t size = 0;
  const auto io = co_await receive_head(size);
  if (io == Io::late) {
    co_await refuse_head("the request head did not arrive in time", kTimeout);
    co_return false;
  }
  if (io != Io::ok) co_return false;
  if (size == 0 || size > http::kMaxHead) {
    co_await refuse_head("request head too large", kHeadTooLarge);
    co_return false;
  }
  auto head = http::parse_request_head(connection_.received().substr(0, size));
  connection_.consume(size);
  if (!head) {
    const int status = head.error().status;
    co_await refuse_head(std::move(head).error().message, status);
    co_return false;
  }
  learn_caller();
  RequestBody body(connection_, *head);
  const bool close = head->wants_close || is_over_age();
  Turn turn{*core_, connection_, caller_, new_request_id(), *std::move(head), body, close};
  turn.at_drain = [this](std::function<void()> call) { on_drain_ = std::move(call); };
  const auto sent_before = connection_.sent();
  bool broke = false;
  try {
    co_await dispatch(turn);
  } catch (const boost::system::system_error&) {
    throw;  // Cancelled.
  } catch (const std::exception&) {
    broke = true;
  }
  if (broke) {
    turn.close = true;
    if (connection_.sent() != sent_before) co_return false;
    Error error{ErrorCode::vault_unavailable, "internal", "internal error", 0};
    co_await turn.refuse(std::move(error));
  }
  queued_ = false;
  co_return !turn.close;
}

// An operator's operation is refused with the same words, whatever it is.
asio::awaitable<void> Session::refuse_operator_path(Turn& turn, std::string_view operation) {
  Error error{ErrorCode::operator_auth_required, "", "operator token required", 0};
  core_->broker.record_operator_denied(caller_, turn.id, std::string(operation), error);
  co_await turn.refuse(std::move(error));
}

void Session::record_refused(const Turn& turn, const Route& route, const Error& error) {
  if (route.own == Own::health) return;
  if (is_call(route)) return core_->broker.record_refusal(caller_, turn.id, error);
  const auto& target = turn.head.target;
  const auto path = route.operation != nullptr ? std::string(route.operation->path)
                                               : target.substr(0, target.find('?'));
  core_->broker.record_operator_denied(caller_, turn.id, turn.head.method + ' ' + path, error);
}

// What is refused whatever the target is.
asio::awaitable<bool> Session::is_refused_here(Turn& turn, const Route* route) {
  const bool is_health = route != nullptr && route->own == Own::health;
  const auto& headers = turn.head.headers;
  std::optional<Error> error;
  // From here on, for this request and all that follow it, as over TCP: it only takes rights away.
  if (http::find(headers, protocol::kVia) != nullptr) caller_.door = broker::Door::tcp;
  auto checked = check_origin(headers, core_->options.allowed_origins);
  if (checked && is_remote()) checked = check_loopback(headers, port_);
  if (!checked) error = std::move(checked).error();
  if (error && route != nullptr) record_refused(turn, *route, *error);
  if (!error && core_->draining && !queued_ && !is_health) {
    error = Error{ErrorCode::vault_unavailable, "shutting_down", "the daemon is shutting down", 0};
  }
  if (!error) co_return false;
  co_await turn.refuse(*std::move(error));
  co_return true;
}

asio::awaitable<void> Session::dispatch(Turn& turn) {
  const std::string_view target = turn.head.target;
  const auto mark = std::min(target.find('?'), target.size());
  const auto path = target.substr(0, mark);
  const auto query = target.substr(std::min(mark + 1, target.size()));
  auto route = find_route(turn.head.method, path);
  const bool refused = co_await is_refused_here(turn, route ? &*route : nullptr);
  if (refused) co_return;
  if (!route) {
    co_await answer_no_route(turn, route.error());
    co_return;
  }
  co_await answer(turn, *std::move(route), query);
}

bool Session::may_ask(admin::Audience audience, bool shows_token) const {
  using enum admin::Audience;
  const bool operates = broker::asker_of(caller_).operates && caller_.door != broker::Door::tcp;
  switch (audience) {
    case any: return true;
    case socket_callers: return !shows_token && caller_.door != broker::Door::tcp;
    case operators: return operates && !shows_token;
    case private_child: break;
  }
  return operates && !shows_token && core_->options.private_child;
}

// Calls and admin's operations judge it themselves.
Result<void> Session::check_shown_token(const Turn& turn, const Route& route) const {
  const bool judged_here = route.own == Own::request && (turn.token || is_remote());
  if (!judged_here) return {};
  TRY(core_->broker.authority(caller_, turn.token.get()));
  return {};
}

asio::awaitable<void> Session::answer(Turn& turn, Route route, std::string_view query) {
  const auto& headers = turn.head.headers;
  // A vendor's client may put its own credential there, which is another refusal.
  const auto carriers =
      route.own == Own::passthrough ? TokenCarriers::own_header : TokenCarriers::authorization_too;
  const bool shows_token = holds_token(headers, carriers);
  if (!may_ask(route.audience, shows_token)) {
    co_await refuse_operator_path(turn, turn.head.method + ' ' + std::string(route.pattern));
    co_return;
  }
  if (route.audience == admin::Audience::operators) {
    core_->count(metrics::Name::operator_requests, {route.pattern});
  }
  if (route.own == Own::health) {
    auto health = json_reply(200, is_remote() ? R"({"ok":true})" : health_of(*core_));
    co_await turn.reply(std::move(health));
    co_return;
  }
  // Clients of vendors have more places for it, which the passthrough knows.
  const auto token = route.own == Own::passthrough ? Result<std::shared_ptr<const Secret>>(nullptr)
                                                   : take_token(turn.head.headers, carriers);
  if (token) turn.token = *token;
  auto shown = token ? check_shown_token(turn, route) : Result<void>(fail(token.error()));
  if (!shown) {
    if (is_call(route)) core_->broker.record_refusal(caller_, turn.id, shown.error());
    co_await turn.refuse(std::move(shown).error());
    co_return;
  }
  const bool takes_query =
      route.own == Own::none || route.own == Own::login_wait || route.own == Own::passthrough;
  const bool own_query = !takes_query && !query.empty();
  if (own_query) {
    Error error{ErrorCode::invalid_request, "record_invalid", "unknown query parameter", 0};
    co_await turn.refuse(std::move(error));
    co_return;
  }
  switch (route.own) {
    case Own::proxy:
    case Own::websocket:
    case Own::passthrough: {
      const auto answer_it = route.own == Own::proxy       ? answer_call
                             : route.own == Own::websocket ? answer_websocket
                                                           : answer_passthrough;
      auto cancel = canceller();
      co_await answer_it(turn, std::move(cancel));
      break;
    }
    case Own::mint_token:
    case Own::self_token: {
      const auto minter = route.own == Own::mint_token ? Minter::operators : Minter::callers;
      auto held = co_await answer_mint(turn, minter);
      if (!held.empty()) held_tokens_.push_back(std::move(held));
      break;
    }
    case Own::reload: co_await answer_reload(turn); break;
    case Own::shutdown: co_await answer_shutdown(turn); break;
    case Own::metrics: co_await answer_metrics(turn); break;
    case Own::request: {
      auto outcome = core_->outcomes.find(route.ids.front(), caller_.uid, Clock::now());
      if (outcome) {
        auto found = json_reply(200, json::compact(*outcome, json::Order::alphabetical));
        co_await turn.reply(std::move(found));
      } else {
        Error error{ErrorCode::invalid_request, "not_found", "request not found", 0};
        co_await turn.refuse(std::move(error));
      }
      break;
    }
    case Own::login_start: co_await answer_login_start(turn); break;
    case Own::login_callback:
      co_await answer_login_callback(turn, std::move(route.ids.front()));
      break;
    case Own::login_wait:
      co_await answer_login_wait(turn, std::move(route.ids.front()), query);
      break;
    case Own::login_cancel: co_await answer_login_cancel(turn, std::move(route.ids.front())); break;
    case Own::health: break;
    case Own::none:
      if (is_audit_follow(*route.operation, query)) {
        co_await answer_audit_follow(turn, *route.operation, query);
        break;
      }
      co_await answer_operation(turn, *route.operation, std::move(route.ids), query);
      break;
  }
}

asio::awaitable<void> Session::answer_no_route(Turn& turn, const NoRoute& none) {
  constexpr int kMethodNotAllowed = 405;
  if (!none.path_exists) {
    Error error{ErrorCode::invalid_request,
                "unknown_endpoint",
                "unknown endpoint; the daemon is version " + core_->desk.facts.version,
                0};
    co_await turn.refuse(std::move(error));
  } else if (!none.for_callers && !may_ask(admin::Audience::operators, false)) {
    co_await refuse_operator_path(turn, turn.head.method);
  } else {
    auto reply = error_reply(syntax("method not allowed"), kMethodNotAllowed);
    reply.headers.push_back({"allow", none.allow});
    co_await turn.reply(std::move(reply));
  }
}

// Reads a little of what the peer still sends, so that it sees the answer and not a broken pipe.
asio::awaitable<void> Session::linger() {
  connection_.end_sending();
  connection_.limit(kLinger);
  std::size_t dropped = 0;
  while (dropped < kMaxUnread) {
    const auto waiting = connection_.received().size();
    dropped += waiting;
    connection_.consume(waiting);
    const auto io = co_await connection_.receive();
    if (io != Io::ok) co_return;
  }
}

void Session::learn_caller() {
  if (std::exchange(knows_caller_, true)) return;
  auto notes = platform::notes_of(caller_.pid);
  caller_.exe = std::move(notes.exe);
  caller_.unit = std::move(notes.unit);
  caller_.user = core_->user_name(caller_.uid);
}

bool Session::is_over_age() const {
  if (!held_tokens_.empty()) return false;
  return requests_ >= kMaxRequests || Clock::now() - began_ > kMaxAge;
}

}  // namespace aivault::server
