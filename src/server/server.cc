#include "server/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "broker/random.h"
#include "broker/request_id.h"
#include "platform/peer.h"
#include "platform/tcp_peer.h"
#include "server/core.h"
#include "server/session.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Acceptor = asio::local::stream_protocol::acceptor;

constexpr std::int64_t kHiddenUid = 65534;  // What the kernel shows for a uid without a mapping.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr std::size_t kMaxNames = 1024;
constexpr std::size_t kAcceptsInARow = 64;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// Answers a connection that gets no session, without reading from it.
void turn_away(const platform::Descriptor& connected, const Error& error) {
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto id = broker::make_request_id(now, broker::random_bytes());
  const auto wire = to_wire(error_reply(error), id, Keep::close);
  // A fresh socket takes this much at once; a peer that is gone already misses nothing.
  if (::send(connected.get(), wire.data(), wire.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
  ::shutdown(connected.get(), SHUT_WR);
}

Error hidden_uid() {
  return Error{ErrorCode::policy_violation,
               "",
               "caller identity is hidden (uid 65534): the daemon runs in a user namespace "
               "(PrivateUsers must be off) or the caller in a container without a mapping",
               0};
}

Error too_many_connections() {
  return Error{ErrorCode::policy_violation, "concurrency_limit", "too many connections", 1};
}

// Over TCP only the uid is known, and that not always: then no token of a uid is good.
Result<platform::Peer> peer_of(const platform::Descriptor& connected, broker::Door door) {
  if (door != broker::Door::tcp) return platform::peer_of(connected.get());
  const int on = 1;
  ::setsockopt(connected.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  platform::Peer peer;
  peer.uid = platform::uid_of_tcp_peer(connected.get()).value_or(-1);
  return peer;
}

}  // namespace

// Two sockets, two powers: on the agent socket and on TCP nobody is the operator, whoever comes.
bool Core::is_operator(std::int64_t uid, broker::Door door) const {
  const bool may_be = door == broker::Door::operator_socket || door == broker::Door::private_child;
  return may_be && (uid == 0 || uid == options.daemon_uid);
}

std::string_view name_of(broker::Door door) {
  switch (door) {
    case broker::Door::operator_socket: return "operator";
    case broker::Door::agent_socket: return "agent";
    case broker::Door::tcp: return "tcp";
    case broker::Door::private_child: break;
  }
  return "stdio";
}

void Core::count_error(int status) const {
  constexpr int kFirstError = 400;
  if (status >= kFirstError) count(metrics::Name::http_errors, {std::to_string(status)});
}

const std::string& Core::user_name(std::int64_t uid) {
  if (user_names.size() >= kMaxNames) user_names.clear();
  const auto [found, is_new] = user_names.try_emplace(uid);
  if (is_new) found->second = platform::user_name(uid);
  return found->second;
}

// Owned by the server and by the coroutines that accept.
class Server::Impl : public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  void listen(platform::Descriptor listening, Entrance entrance);
  bool serve(platform::Descriptor connected, Entrance entrance, Session::Arrival arrival);
  void drain();
  void stop();
  Core& core() { return *core_; }

 private:
  struct Listener {
    Listener(const asio::any_io_executor& executor, Entrance through)
        : acceptor(executor), entrance(through) {}
    Acceptor acceptor;  // Asio needs no more of a TCP socket than of a local one.
    Entrance entrance;
  };
  static asio::awaitable<void> accept_all(std::shared_ptr<Impl> self,
                                          std::shared_ptr<Listener> listener);
  // Takes what is queued; the error that ended it, or 0.
  int accept_queued(Listener& listener, Session::Arrival arrival);
  bool has_room(const platform::Peer& peer, broker::Door door) const;
  void count(std::int64_t uid, int change);
  void ended(Session& session);
  void close_an_idle_session();

  std::shared_ptr<Core> core_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::set<std::shared_ptr<Session>> sessions_;
};

void Server::Impl::listen(platform::Descriptor listening, Entrance entrance) {
  auto listener = std::make_shared<Listener>(core_->loop, entrance);
  error_code error;
  listener->acceptor.assign(asio::local::stream_protocol(), listening.get(), error);
  if (error) throw boost::system::system_error(error, "listening socket");
  listening.release();
  listener->acceptor.native_non_blocking(true);
  listeners_.push_back(listener);
  asio::co_spawn(core_->loop,
                 accept_all(shared_from_this(), std::move(listener)),
                 [](const std::exception_ptr& thrown) {
                   // A daemon that cannot accept must not look alive.
                   if (thrown) std::rethrow_exception(thrown);
                 });
}

asio::awaitable<void> Server::Impl::accept_all(std::shared_ptr<Impl> self,
                                               std::shared_ptr<Listener> listener) {
  asio::steady_timer pause(self->core_->loop);
  for (;;) {
    const auto [error] = co_await listener->acceptor.async_wait(Acceptor::wait_read, kAsTuple);
    if (!listener->acceptor.is_open()) co_return;
    if (error == asio::error::operation_aborted) continue;
    if (error) throw boost::system::system_error(error, "accept");
    const int why = self->accept_queued(*listener, Session::Arrival::normal);
    if (!is_shortage(why)) continue;
    self->close_an_idle_session();
    self->core_->count(metrics::Name::accept_pauses);
    pause.expires_after(kAcceptPause);
    co_await pause.async_wait(kAsTuple);
    if (!listener->acceptor.is_open()) co_return;
  }
}

int Server::Impl::accept_queued(Listener& listener, Session::Arrival arrival) {
  // While it drains, all of them; else others get their turn between.
  for (std::size_t i = 0; i < kAcceptsInARow || arrival == Session::Arrival::queued; ++i) {
    platform::Descriptor connected(::accept4(
        listener.acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connected) {
      serve(std::move(connected), listener.entrance, arrival);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return errno;
    }
  }
  return 0;
}

bool Server::Impl::has_room(const platform::Peer& peer, broker::Door door) const {
  const auto& options = core_->options;
  const bool is_operator = core_->is_operator(peer.uid, door);
  const auto extra = is_operator ? options.operator_reserve : 0;
  const auto mine = core_->open_of_uid.find(peer.uid);
  const auto open = mine == core_->open_of_uid.end() ? 0 : mine->second;
  return core_->open < options.limits.connections + extra &&
         open < options.limits.connections_per_uid + extra;
}

// False: the connection got no session.
bool Server::Impl::serve(platform::Descriptor connected,
                         Entrance entrance,
                         Session::Arrival arrival) {
  const auto peer = peer_of(connected, entrance.door);
  if (!peer) return false;
  if (peer->uid == kHiddenUid || !has_room(*peer, entrance.door)) {
    const bool is_hidden = peer->uid == kHiddenUid;
    core_->count(metrics::Name::connections_refused, {is_hidden ? "hidden_uid" : "too_many"});
    turn_away(connected, is_hidden ? hidden_uid() : too_many_connections());
    return false;
  }
  count(peer->uid, +1);
  core_->count(metrics::Name::connections, {name_of(entrance.door)});
  auto session = std::make_shared<Session>(core_, std::move(connected), *peer, entrance, arrival);
  sessions_.insert(session);
  session->start([weak = weak_from_this(), door = entrance.door](Session& over) {
    const auto self = weak.lock();
    if (!self) return;
    self->core_->count(metrics::Name::connections, {name_of(door)}, -1);
    self->ended(over);
  });
  return true;
}

void Server::Impl::count(std::int64_t uid, int change) {
  auto& mine = core_->open_of_uid[uid];
  if (change > 0) {
    ++mine;
    ++core_->open;
  } else {
    --mine;
    --core_->open;
  }
  if (mine == 0) core_->open_of_uid.erase(uid);
  if (core_->hooks.on_connections) core_->hooks.on_connections(core_->open);
}

void Server::Impl::ended(Session& session) {
  sessions_.erase(session.shared_from_this());
  count(session.uid(), -1);
}

void Server::Impl::close_an_idle_session() {
  std::shared_ptr<Session> oldest;
  for (const auto& session : sessions_) {
    if (!session->is_idle()) continue;
    if (!oldest || session->idle_since() < oldest->idle_since()) oldest = session;
  }
  if (oldest) oldest->cancel();
}

void Server::Impl::drain() {
  if (core_->draining) return;
  for (const auto& listener : listeners_) {
    accept_queued(*listener, Session::Arrival::queued);
    error_code ignored;
    listener->acceptor.close(ignored);
  }
  listeners_.clear();
  core_->draining = true;
  for (const auto& session : sessions_) session->drain();
}

void Server::Impl::stop() {
  drain();
  const auto sessions = sessions_;
  core_->broker.break_off();
  for (const auto& session : sessions) session->cancel();
  core_->broker.settle();
}

Server::Server(asio::any_io_executor loop,
               Lanes lanes,
               admin::Desk& desk,
               broker::Broker& broker,
               Options options,
               Hooks hooks)
    : impl_(std::make_shared<Impl>(std::make_shared<Core>(
          std::move(loop), std::move(lanes), desk, broker, options, std::move(hooks)))) {}

Server::~Server() {
  impl_->core().hooks = {};
  impl_->stop();
}

void Server::listen(platform::Descriptor listening, broker::Door door) {
  impl_->listen(std::move(listening), {.door = door});
}
void Server::listen_tcp(platform::Descriptor listening, std::uint16_t port) {
  impl_->listen(std::move(listening), {.door = broker::Door::tcp, .port = port});
}
void Server::serve(platform::Descriptor connected) {
  const bool served = impl_->serve(
      std::move(connected), {.door = broker::Door::private_child}, Session::Arrival::normal);
  const auto& core = impl_->core();
  if (!served && core.hooks.on_connections) core.hooks.on_connections(core.open);
}
void Server::drain() { impl_->drain(); }
void Server::stop() { impl_->stop(); }
void Server::set_limits(const Limits& limits) { impl_->core().options.limits = limits; }
std::size_t Server::open_connections() const { return impl_->core().open; }
std::size_t Server::busy_connections() const { return impl_->core().busy; }

}  // namespace aivault::server
