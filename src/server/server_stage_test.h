// ServerStage: a server on a thread of its own with everything a daemon has but its process, and
// blocking callers of it.
// Thread: the test's, except where a member says otherwise.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/encoding.h"
#include "http/chunked.h"
#include "http/head.h"
#include "protocol/frame.h"
#include "server/server.h"
#include "testing/tls_server.h"
#include "testing/upstream_call.h"
#include "testing/vault_world.h"

namespace aivault::server {

using namespace std::chrono_literals;
using testing::response;
using testing::TlsPeer;
using testing::TlsServer;

// The first of the users that every Debian has: who has no name may do nothing.
inline constexpr std::int64_t kStranger = 1;

struct Answer {
  int status = 0;  // 0: none came.
  http::Headers headers;
  std::string body;
  bool complete = false;  // With a valid end.
  http::Headers trailers;

  std::string header(std::string_view name) const {
    const auto* found = http::find(headers, name);
    return found != nullptr ? *found : "";
  }
  std::string trailer(std::string_view name) const {
    const auto* found = http::find(trailers, name);
    return found != nullptr ? *found : "";
  }
  bool says(std::string_view text) const { return body.find(text) != std::string::npos; }
};

// The caller's end of a connection; blocking.
class Caller {
 public:
  explicit Caller(int descriptor) : socket_(descriptor) {}

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  Answer receive() {
    Answer answer;
    std::size_t size = 0;
    while ((size = http::head_size(pending_)) == 0) {
      if (!more()) return answer;
    }
    const auto head = http::parse_response_head(std::string_view(pending_).substr(0, size));
    pending_.erase(0, size);
    if (!head) return answer;
    answer.status = head->status;
    answer.headers = head->headers;
    if (head->framing == http::Framing::chunked) {
      receive_chunks(answer);
    } else if (head->framing == http::Framing::length) {
      while (pending_.size() < head->content_length && more()) {
      }
      answer.complete = pending_.size() >= head->content_length;
      answer.body = pending_.substr(0, head->content_length);
      pending_.erase(0, answer.body.size());
    } else {
      answer.complete = true;
    }
    return answer;
  }
  Answer ask(std::string_view request) {
    send(request);
    return receive();
  }
  // Nothing more comes, and the other side has closed.
  bool is_closed() {
    char byte = 0;
    return pending_.empty() && has_bytes(5s) && ::recv(socket_.get(), &byte, 1, 0) <= 0;
  }
  bool has_bytes(std::chrono::milliseconds within) const {
    pollfd poll{socket_.get(), POLLIN, 0};
    return ::poll(&poll, 1, static_cast<int>(within.count())) > 0;
  }
  bool send_urgent(char byte) { return ::send(socket_.get(), &byte, 1, MSG_OOB) == 1; }
  void end_sending() { ::shutdown(socket_.get(), SHUT_WR); }
  void close() { socket_.reset(); }
  std::string& pending() { return pending_; }
  bool more() {
    if (!has_bytes(5s)) return false;
    std::array<char, 65536> buffer{};
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    pending_.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
  }

 private:
  void receive_chunks(Answer& answer) {
    http::ChunkDecoder chunks;
    while (!chunks.done()) {
      if (pending_.empty() && !more()) return;
      const auto step = chunks.feed(pending_);
      if (!step) return;
      answer.body += step->data;
      pending_.erase(0, step->consumed);
    }
    answer.complete = true;
    answer.trailers = chunks.trailers();
  }

  platform::Descriptor socket_;
  std::string pending_;
};

inline TlsServer::Serve always(std::string answer) {
  return [answer = std::move(answer)](TlsPeer& peer) {
    while (!peer.read_head().empty()) peer.write(answer);
  };
}

inline testing::ServerIdentity localhost() {
  testing::CertificateRequest request;
  request.names = {"localhost"};
  return testing::world_authority().issue(request);
}

// Everything of a daemon but its process: an upstream, a vault, a broker, a server on a thread.
class ServerStage {
 public:
  template <typename Work>
  auto on_loop(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    boost::asio::post(loop_, [&task] { task(); });
    return result.get();
  }
  explicit ServerStage(TlsServer::Serve serve = always(response("hello")),
                       Server::Options options = {})
      : upstream(localhost(), std::move(serve)),
        world(upstream.authority("localhost")),
        client_(make_client()),
        desk_{world.slot(), world.catalog(), facts()},
        broker_(loop_.get_executor(), world.slot(), world.catalog(), *client_, {}),
        work_(loop_.get_executor()) {
    options.daemon_uid = ::geteuid();
    Server::Hooks hooks;
    hooks.on_shutdown = [this](ShutdownMode mode) {
      if (breaks) throw std::runtime_error("broken");
      return json::Value::object(
          {{"pid", json::Value(7)},
           {"next", json::Value(mode == ShutdownMode::restart ? "start" : "none")}});
    };
    hooks.on_call_answered = [this] { ++answered_; };
    hooks.on_connections = [this](std::size_t now) { open = now; };
    server_ = std::make_unique<Server>(loop_.get_executor(),
                                       Server::Lanes{operators_.get_executor(),
                                                     operators_.get_executor(),
                                                     operators_.get_executor(),
                                                     operators_.get_executor()},
                                       desk_,
                                       broker_,
                                       options,
                                       std::move(hooks));
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~ServerStage() {
    on_loop([this] { server_->stop(); });
    for (int i = 0; i < 10000 && open > 0; ++i) std::this_thread::sleep_for(2ms);
    loop_.stop();
    thread_.join();
    operators_.join();
    world.slot().close();
    server_.reset();
  }
  ServerStage(const ServerStage&) = delete;
  ServerStage& operator=(const ServerStage&) = delete;

  // As another user: only where the tests run as root.
  Caller connect(std::optional<std::int64_t> uid = std::nullopt) {
    std::array<int, 2> ends{};
    const auto as = [](std::int64_t effective) {
      ::syscall(SYS_setresuid, -1, effective, -1);  // Of this thread alone.
    };
    if (uid) as(*uid);
    ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
    if (uid) as(0);
    on_loop([this, theirs = ends[1]] { server_->serve(platform::Descriptor(theirs)); });
    return Caller(ends[0]);
  }
  Server& server() { return *server_; }
  std::vector<audit::Event> records() {
    on_loop([this] { broker_.settle(); });
    return world.calls();
  }

  // The answer arrives before the count has changed.
  bool has_answered(int calls) {
    for (int i = 0; i < 20000 && answered_ < calls; ++i) std::this_thread::sleep_for(1ms);
    return answered_ == calls;
  }

  boost::asio::any_io_executor operator_thread() { return operators_.get_executor(); }
  // Until that many connections have a request under way.
  bool is_busy_with(std::size_t requests) {
    const auto busy = [this] { return server_->busy_connections(); };
    for (int i = 0; i < 20000 && on_loop(busy) != requests; ++i) std::this_thread::sleep_for(1ms);
    return on_loop(busy) == requests;
  }

  std::atomic<bool> breaks = false;  // The shutdown hook throws.
  std::atomic<std::size_t> open = 0;
  TlsServer upstream;
  testing::VaultWorld world;

 private:
  const admin::DaemonFacts& facts() {
    facts_.version = "9.8.7";
    return facts_;
  }
  std::unique_ptr<upstream::Client> make_client() {
    upstream::Client::Options options;
    options.resolver.lookup = [](const std::string&) {
      return Result<std::vector<policy::IpAddress>>(std::vector{testing::loopback()});
    };
    return *upstream::Client::create(loop_.get_executor(), std::move(options));
  }

  std::atomic<int> answered_ = 0;
  boost::asio::io_context loop_;
  boost::asio::thread_pool operators_{1};
  std::unique_ptr<upstream::Client> client_;
  admin::DaemonFacts facts_;
  admin::Desk desk_;
  broker::Broker broker_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

// A listening unix socket beside the vault of a stage, and connections to it.
class ListeningSocket {
 public:
  explicit ListeningSocket(ServerStage& stage) {
    const auto path = stage.world.vault().root() + "/../s";
    address_.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address_.sun_path), sizeof address_.sun_path - 1);
    if (::bind(socket_.get(), name(), sizeof address_) != 0 || ::listen(socket_.get(), 16) != 0) {
      throw std::runtime_error("no listening socket at " + path);
    }
  }
  platform::Descriptor take() { return std::move(socket_); }
  Caller connect() const {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(descriptor, name(), sizeof address_) != 0) {
      throw std::runtime_error("nobody listens");
    }
    return Caller(descriptor);
  }
  bool refuses() const {
    const platform::Descriptor late(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(late.get(), name(), sizeof address_) != 0;
  }

 private:
  const sockaddr* name() const { return reinterpret_cast<const sockaddr*>(&address_); }
  platform::Descriptor socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  sockaddr_un address_{};
};

inline std::string get(std::string_view target, std::string_view headers = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nhost: x\r\n" + std::string(headers) + "\r\n";
}

// As `aivault run` asks for others: over the socket, by the rules of TCP.
inline std::string via_tcp(std::string request) {
  constexpr std::string_view kHost = "host: x\r\n";
  return request.replace(
      request.find(kHost), kHost.size(), "host: 127.0.0.1\r\nx-aivault-via: tcp\r\n");
}

inline std::string post(std::string_view target,
                        std::string_view body,
                        std::string_view headers = "content-type: application/json\r\n") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nhost: x\r\n" + std::string(headers) +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

inline std::string envelope(std::string_view rest = "", std::string_view method = "GET") {
  return R"({"capability":"acme/things","request":{"method":")" + std::string(method) +
         R"(","path":"/v1/x")" + std::string(rest) + "}}";
}

inline std::string call(std::string_view json = envelope(), std::string_view headers = "") {
  return post("/aivault/proxy", json, "content-type: application/json\r\n" + std::string(headers));
}

inline std::string framed(std::string_view json,
                          std::string_view bytes,
                          std::string_view headers = "",
                          std::string_view method = "/aivault/proxy") {
  return post(method,
              *protocol::encode_frame(json) + std::string(bytes),
              "content-type: application/vnd.aivault.envelope\r\n" + std::string(headers));
}

}  // namespace aivault::server
