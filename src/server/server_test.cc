#include "server/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/encoding.h"
#include "http/chunked.h"
#include "http/head.h"
#include "protocol/frame.h"
#include "testing/tls_server.h"
#include "testing/upstream_call.h"
#include "testing/vault_world.h"

namespace aivault::server {
namespace {

using namespace std::chrono_literals;
using testing::response;
using testing::TlsPeer;
using testing::TlsServer;

constexpr std::int64_t kStranger = 12345;

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

TlsServer::Serve always(std::string answer) {
  return [answer = std::move(answer)](TlsPeer& peer) {
    while (!peer.read_head().empty()) peer.write(answer);
  };
}

testing::ServerIdentity localhost() {
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
    for (int i = 0; i < 500 && open > 0; ++i) std::this_thread::sleep_for(2ms);
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
    for (int i = 0; i < 1000 && answered_ < calls; ++i) std::this_thread::sleep_for(1ms);
    return answered_ == calls;
  }

  boost::asio::any_io_executor operator_thread() { return operators_.get_executor(); }
  // Until that many connections have a request under way.
  bool is_busy_with(std::size_t requests) {
    const auto busy = [this] { return server_->busy_connections(); };
    for (int i = 0; i < 1000 && on_loop(busy) != requests; ++i) std::this_thread::sleep_for(1ms);
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

std::string get(std::string_view target, std::string_view headers = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nhost: x\r\n" + std::string(headers) + "\r\n";
}

std::string post(std::string_view target,
                 std::string_view body,
                 std::string_view headers = "content-type: application/json\r\n") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nhost: x\r\n" + std::string(headers) +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string envelope(std::string_view rest = "", std::string_view method = "GET") {
  return R"({"capability":"acme/things","request":{"method":")" + std::string(method) +
         R"(","path":"/v1/x")" + std::string(rest) + "}}";
}

std::string call(std::string_view json = envelope(), std::string_view headers = "") {
  return post("/aivault/proxy", json, "content-type: application/json\r\n" + std::string(headers));
}

std::string framed(std::string_view json,
                   std::string_view bytes,
                   std::string_view headers = "",
                   std::string_view method = "/aivault/proxy") {
  return post(method,
              *protocol::encode_frame(json) + std::string(bytes),
              "content-type: application/vnd.aivault.envelope\r\n" + std::string(headers));
}

TEST(Server, RefusesWhatTwoParsersCouldReadDifferently) {
  struct Case {
    const char* name;
    std::string request;
    int status;
  };
  const std::string line = "GET /aivault/health HTTP/1.1\r\n";
  const std::vector<Case> cases{
      {"one-shot frame", "{\"op\":\"execute_envelope\"}", 400},
      {"HTTP/1.0", "GET / HTTP/1.0\r\nhost: x\r\n\r\n", 505},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"no version", "GET /\r\n\r\n", 400},
      {"absolute form", "GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n", 400},
      {"CONNECT", "CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", 405},
      {"TRACE", "TRACE / HTTP/1.1\r\nhost: x\r\n\r\n", 405},
      {"no host", line + "\r\n", 400},
      {"two hosts", line + "host: x\r\nhost: x\r\n\r\n", 400},
      {"bare line feed", line + "host: x\n\r\n", 400},
      {"bare carriage return", line + "host: x\r\na: b\rc\r\n\r\n", 400},
      {"folded", line + "host: x\r\na: b\r\n c\r\n\r\n", 400},
      {"space before colon", line + "host: x\r\na : b\r\n\r\n", 400},
      {"NUL", line + "host: x\r\na: b" + std::string(1, '\0') + "\r\n\r\n", 400},
      {"length and coding",
       line + "host: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
       400},
      {"two lengths", line + "host: x\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", 400},
      {"length list", line + "host: x\r\ncontent-length: 1, 1\r\n\r\n", 400},
      {"signed length", line + "host: x\r\ncontent-length: +1\r\n\r\n", 400},
      {"coding", line + "host: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501},
      {"expectation", line + "host: x\r\nexpect: tea\r\n\r\n", 417},
      {"endless head", line + "a: " + std::string(70'000, 'a'), 431},
      {"101 headers",
       line + "host: x\r\n" +
           [] {
             std::string headers;
             for (int i = 0; i < 100; ++i) headers += "a" + std::to_string(i) + ": b\r\n";
             return headers;
           }() +
           "\r\n",
       431},
      {"long line", "GET /" + std::string(50'000, 'a') + " HTTP/1.1\r\nhost: x\r\n\r\n", 431},
  };
  ServerStage stage;
  for (const auto& example : cases) {
    SCOPED_TRACE(example.name);
    auto caller = stage.connect();
    const auto answer = caller.ask(example.request);
    EXPECT_EQ(answer.status, example.status);
    EXPECT_EQ(answer.header("x-aivault-error"), "invalid_request");
    EXPECT_EQ(answer.header("cache-control"), "no-store");
    EXPECT_EQ(answer.header("content-type"), "application/json");
    EXPECT_EQ(answer.header("x-aivault-request-id").size(), 26U);
    EXPECT_TRUE(answer.says(R"("reason":"http_syntax")"));
    EXPECT_TRUE(caller.is_closed());
  }
}

TEST(Server, AnswersHealthAndUnknownTargets) {
  ServerStage stage;
  auto caller = stage.connect();
  const auto health = caller.ask(get("/aivault/health"));
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body,
            R"({"api":1,"autostarted":false,"features":["envelope","interim","trailers"],)"
            R"("ok":true,"state":"serving","version":"9.8.7"})");
  const auto unknown = caller.ask(get("/aivault/nothing"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_TRUE(unknown.says("unknown endpoint; the daemon is version 9.8.7"));
  EXPECT_TRUE(unknown.says("unknown_endpoint"));
  const auto method = caller.ask(get("/aivault/proxy"));
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("allow"), "POST");
  EXPECT_EQ(caller.ask(get("/aivault/secrets?colour=red")).status, 400);
  EXPECT_EQ(caller.ask(get("/aivault/secrets?limit=1&limit=2")).status, 400);
  EXPECT_EQ(caller.ask(get("/aivault/secrets?limit=%zz")).status, 400);
  // One connection served them all.
  EXPECT_EQ(caller.ask(get("/aivault/health")).status, 200);
  EXPECT_EQ(stage.server().open_connections(), 1U);
}

TEST(Server, RunsOperationsForTheOperator) {
  ServerStage stage;
  auto caller = stage.connect();
  const std::string body = R"({"name":"NEW_KEY","value":"sk-new-0001","scope":"global"})";
  const auto created = caller.ask(post("/aivault/secrets", body));
  EXPECT_EQ(created.status, 200) << created.body;
  EXPECT_TRUE(created.body.starts_with(R"({"notices":[)"));
  EXPECT_TRUE(created.says(R"("name":"NEW_KEY")"));
  EXPECT_FALSE(created.says("sk-new-0001"));
  EXPECT_EQ(created.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(caller.ask(post("/aivault/secrets", body)).status, 409);

  // In chunks, acknowledged first.
  caller.send(
      "POST /aivault/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: Application/JSON; "
      "charset=utf-8\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(caller.receive().status, 100);
  const std::string other = R"({"name":"NEW_KEY2","value":"sk-new-0002","scope":"global"})";
  caller.send("5\r\n" + other.substr(0, 5) + "\r\n" + http::chunk_header(other.size() - 5) +
              other.substr(5) + "\r\n0\r\nx-t: 1\r\n\r\n");
  EXPECT_EQ(caller.receive().status, 200);

  struct Case {
    const char *body, *type;
    int status;
  };
  for (const auto& [text, type, status] : std::initializer_list<Case>{
           {"{}", "text/plain", 415},
           {"{}", "application/json; charset=latin1", 415},
           {"{", "application/json", 400},
           {R"({"name":"A","name":"B"})", "application/json", 400},
           {R"({"name":"A"} x)", "application/json", 400},
           {"\xEF\xBB\xBF{}", "application/json", 400},
           {R"({"name":"\ud800"})", "application/json", 400},
           {"[]", "application/json", 400},
       }) {
    const auto headers = "content-type: " + std::string(type) + "\r\n";
    auto one = stage.connect();
    EXPECT_EQ(one.ask(post("/aivault/secrets", text, headers)).status, status) << text;
  }
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(caller.ask(post("/aivault/secrets", deep)).status, 400);
  const auto listed = caller.ask(get("/aivault/secrets"));
  EXPECT_EQ(listed.status, 200);
  EXPECT_TRUE(listed.says("NEW_KEY2"));
}

TEST(Server, RefusesABodyThatIsTooLargeBeforeReadingIt) {
  ServerStage stage;
  auto caller = stage.connect();
  const auto head = [](std::string_view rest) {
    return "POST /aivault/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" +
           std::string(rest) + "\r\n";
  };
  auto answer = caller.ask(head("content-length: 999999999999\r\nexpect: 100-continue\r\n"));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.header("connection"), "close");
  caller = stage.connect();
  caller.send(head("transfer-encoding: chunked\r\n"));
  const std::string chunk = "10000\r\n" + std::string(65536, ' ') + "\r\n";
  for (int i = 0; i < 40; ++i) caller.send(chunk);
  EXPECT_EQ(caller.receive().status, 413);
  caller = stage.connect();
  EXPECT_EQ(caller.ask(head("transfer-encoding: chunked\r\n") + "5;x=1\r\nhello\r\n").status, 400);
  EXPECT_TRUE(caller.is_closed());
}

TEST(Server, NeverShowsOperationsToOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to connect as somebody else";
  ServerStage stage;
  auto caller = stage.connect(kStranger);
  for (const auto& request : {get("/aivault/secrets"),
                              get("/aivault/secrets/no-such-id"),
                              get("/aivault/audit"),
                              post("/aivault/secrets", "{}"),
                              post("/aivault/shutdown", "{}"),
                              get("/aivault/shutdown")}) {
    const auto answer = caller.ask(request);
    EXPECT_EQ(answer.status, 403) << request;
    EXPECT_EQ(answer.body,
              R"({"error":"operator_auth_required","message":"operator token required"})");
    if (answer.header("connection") == "close") caller = stage.connect(kStranger);
  }
  EXPECT_EQ(caller.ask(get("/aivault/health")).status, 200);
  EXPECT_EQ(caller.ask(call()).status, 200);
  EXPECT_EQ(caller.ask(call(envelope(), "x-aivault-workspace: w1\r\n")).status, 403);
  // The refused bodies were never read.
  caller.send(
      "POST /aivault/secrets HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
      "content-length: 10\r\n\r\n");
  EXPECT_EQ(caller.receive().status, 403);
  EXPECT_TRUE(caller.is_closed());
  const auto lasting = stage.connect().ask(post("/aivault/vault/init", "{}"));
  EXPECT_EQ(lasting.status, 403);
}

TEST(Server, RefusesACallerWithoutAUid) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to connect as somebody else";
  ServerStage stage;
  auto caller = stage.connect(65534);
  const auto answer = caller.receive();
  EXPECT_EQ(answer.status, 403);
  EXPECT_TRUE(answer.says("caller identity is hidden (uid 65534)"));
  EXPECT_TRUE(caller.is_closed());
}

TEST(Server, RefusesBrowsersAndTokensThatDoNotExist) {
  ServerStage stage;
  auto caller = stage.connect();
  const auto origin = caller.ask(get("/aivault/health", "origin: http://evil.com\r\n"));
  EXPECT_EQ(origin.status, 403);
  EXPECT_TRUE(origin.says("origin_not_allowed"));
  for (const std::string header :
       {"x-aivault-token: avp_x\r\n", "authorization: Bearer avp_x\r\n"}) {
    auto one = stage.connect();
    const auto answer = one.ask(call(envelope(), header));
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.header("www-authenticate"), "Bearer");
    EXPECT_TRUE(answer.says("proxy token not found"));
    EXPECT_EQ(stage.connect().ask(get("/aivault/secrets", header)).status, 403);
    EXPECT_EQ(stage.connect().ask(get("/aivault/health", header)).status, 200);
  }
  EXPECT_EQ(stage.connect().ask(get("/aivault/whoami", "x-aivault-via: tcp\r\n")).status, 401);
}

TEST(Server, RecordsWhatItRefusesWhateverTheTarget) {
  ServerStage stage;
  for (const std::string header : {"origin: http://evil.com\r\n", "x-aivault-via: tcp\r\n"}) {
    stage.connect().ask(call(envelope(), header));
    stage.connect().ask(get("/aivault/secrets", header));
    stage.connect().ask(get("/aivault/health", header));
  }
  const auto calls = stage.records();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].reason, "origin_not_allowed");
  EXPECT_EQ(calls[1].reason, "token_required");
  const auto operations = stage.world.audited("operator.denied");
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_EQ(operations[0].reason, "origin_not_allowed");
  EXPECT_EQ(operations[0].note, "GET /aivault/secrets");
  EXPECT_EQ(operations[1].reason, "token_required");
}

TEST(Proxy, AnswersACallAndKeepsTheConnection) {
  ServerStage stage(always(response("hello", "x-trace: 7\r\nserver: s\r\n")));
  auto caller = stage.connect();
  for (int i = 0; i < 3; ++i) {
    const auto answer = caller.ask(call());
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.header("content-length"), "5");
    EXPECT_EQ(answer.header("x-trace"), "7");
    EXPECT_EQ(answer.header("x-aivault-capability"), "acme/things");
    EXPECT_EQ(answer.header("x-aivault-credential"), "acme");
    EXPECT_EQ(answer.header("x-aivault-method"), "GET");
    EXPECT_EQ(answer.header("x-aivault-request-id").size(), 26U);
    EXPECT_EQ(answer.header("x-aivault-error"), "");
  }
  EXPECT_TRUE(stage.has_answered(3));
  EXPECT_EQ(stage.upstream.accepted(), 1);
}

TEST(Proxy, EndsWithItsOutcomeWhereTheCallerAskedForTrailers) {
  ServerStage stage;
  auto caller = stage.connect();
  const auto fine = caller.ask(call(envelope(), "te: trailers\r\n"));
  EXPECT_TRUE(fine.complete);
  EXPECT_EQ(fine.body, "hello");
  EXPECT_EQ(fine.header("x-aivault-content-length"), "5");
  EXPECT_EQ(fine.trailer("x-aivault-outcome"), "ok");

  ServerStage broken([](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n" + std::string(100'000, 'x'));
    peer.end();
  });
  auto told = broken.connect();
  const auto cut = told.ask(call(envelope(), "te: trailers\r\n"));
  EXPECT_TRUE(cut.complete);
  EXPECT_FALSE(cut.body.empty());
  EXPECT_EQ(cut.trailer("x-aivault-outcome"), "error");
  EXPECT_EQ(cut.trailer("x-aivault-error"), "upstream_unreachable");
  EXPECT_EQ(cut.trailer("x-aivault-reason"), "connection_lost");
  EXPECT_NE(cut.trailer("x-aivault-message"), "");
  // Its outcome can be asked for, by whoever made the call.
  const auto target = "/aivault/requests/" + cut.header("x-aivault-request-id");
  const auto outcome = told.ask(get(target));
  EXPECT_TRUE(outcome.says(R"("outcome":"error")"));
  EXPECT_TRUE(outcome.says(R"("reason":"connection_lost")"));
  if (::geteuid() == 0) EXPECT_EQ(broken.connect(kStranger).ask(get(target)).status, 404);

  const auto untold = broken.connect().ask(call());
  EXPECT_FALSE(untold.complete);
}

TEST(Proxy, AnswersHeadAndAnswersWithoutABody) {
  ServerStage stage([](TlsPeer& peer) {
    for (;;) {
      const auto head = peer.read_head();
      if (head.empty()) return;
      peer.write(head.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n"
                                          : "HTTP/1.1 204 No Content\r\n\r\n");
    }
  });
  auto caller = stage.connect();
  for (const std::string te : {"", "te: trailers\r\n"}) {
    const auto head = caller.ask(call(envelope("", "HEAD"), te));
    EXPECT_TRUE(head.complete);
    EXPECT_EQ(head.header("x-aivault-content-length"), "1234");
    EXPECT_EQ(head.body, "");
    const auto empty = caller.ask(call(envelope(), te));
    EXPECT_EQ(empty.status, 204);
    EXPECT_EQ(empty.header("x-aivault-outcome"), te.empty() ? "" : "ok");
    EXPECT_EQ(empty.header("transfer-encoding"), "");
  }
}

TEST(Proxy, StreamsAsTheBytesCome) {
  std::atomic<bool> go = false;
  ServerStage stage([&go](TlsPeer& peer) {
    peer.read_head();
    peer.write(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: "
        "chunked\r\n\r\n");
    std::this_thread::sleep_for(50ms);
    peer.write("9\r\ndata: 1\n\n\r\n");
    while (!go) std::this_thread::sleep_for(1ms);
    peer.write("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
  });
  auto caller = stage.connect();
  caller.send(call());
  while (caller.pending().find("data: 1\n\n") == std::string::npos) ASSERT_TRUE(caller.more());
  go = true;
  const auto answer = caller.receive();
  EXPECT_EQ(answer.body, "data: 1\n\ndata: 2\n\n");
  EXPECT_EQ(answer.header("transfer-encoding"), "chunked");
}

TEST(Proxy, TakesFramedEnvelopesAndTheirBytes) {
  ServerStage stage([](TlsPeer& peer) {
    for (;;) {
      const auto head = peer.read_head();
      if (head.empty()) return;
      const auto length = head.find("content-length: ");
      const auto body = length == std::string::npos
                            ? peer.read_chunked()
                            : peer.read_exactly(std::stoul(head.substr(length + 16)));
      peer.write(response(std::to_string(body.size()) + body.substr(0, 5)));
    }
  });
  auto caller = stage.connect();
  for (const std::size_t size : {0U, 1U, 5U, 20'000U, 300'000U}) {
    const std::string bytes(size, 'z');
    const auto known = envelope(R"(,"bodyStream":{"size":)" + std::to_string(size) + "}", "POST");
    const auto answer = caller.ask(framed(known, bytes));
    EXPECT_EQ(answer.body, std::to_string(size) + bytes.substr(0, 5));
    const auto unknown = caller.ask(framed(envelope(R"(,"bodyStream":{})", "POST"), bytes));
    EXPECT_EQ(unknown.body, std::to_string(size) + bytes.substr(0, 5));
  }
  const auto text = caller.ask(framed(envelope(R"(,"body":"hi")", "POST"), ""));
  EXPECT_EQ(text.body, "2hi");
  // Byte by byte.
  for (const char c : framed(envelope(R"(,"bodyStream":{"size":3})", "POST"), "abc")) {
    caller.send(std::string_view(&c, 1));
  }
  EXPECT_EQ(caller.receive().body, "3abc");

  struct Case {
    std::string request;
    const char* reason;
  };
  const auto ten = envelope(R"(,"bodyStream":{"size":10})", "POST");
  for (const auto& [request, reason] : std::vector<Case>{
           {framed(ten, "123456789"), "body_length"},
           {framed(ten, "12345678901"), "body_length"},
           {framed(envelope(), "1"), "body_length"},
           {call(ten), "body_length"},
           {framed("", ""), "envelope_json"},
           {post("/aivault/proxy", "\x01", "content-type: application/vnd.aivault.envelope\r\n"),
            "body_length"},
           {post("/aivault/proxy",
                 "\xFF\xFF\xFF\xFF{}",
                 "content-type: application/vnd.aivault.envelope\r\n"),
            "envelope_json"},
           {post("/aivault/proxy", envelope(), "content-type: text/plain\r\n"), "content_type"},
           {post("/aivault/proxy", envelope(), ""), "content_type"},
       }) {
    auto one = stage.connect();
    const auto answer = one.ask(request);
    EXPECT_TRUE(answer.says("\"reason\":\"" + std::string(reason) + "\"")) << answer.body;
    EXPECT_GE(answer.status, 400);
  }
}

TEST(Proxy, RefusesWithTheStatusOfTheErrorAndOneRecord) {
  struct Case {
    std::string request;
    int status;
    const char* text;
  };
  const std::vector<Case> cases{
      {call("{"), 400, "invalid envelope JSON"},
      {call(R"({"capability":"x/y","request":{"method":"GET","path":"/"}})"),
       404,
       "capability not found"},
      {call(envelope(R"(,"url":"https://evil.com")")), 403, "request.url is not allowed"},
      {call(envelope("", "DELETE")), 403, "method not allowed by capability"},
      {call(envelope(), "x-aivault-client-ip: 8.8.8.8\r\n"), 403, "non-loopback"},
      {call("{", "x-aivault-client-ip: nonsense\r\n"), 400, "invalid clientIp"},
      {call(envelope(), "x-aivault-timeout-ms: 1.5\r\n"), 400, "whole number"},
      {call(envelope(), "x-aivault-timeout-ms: 5\r\nx-aivault-timeout-ms: 5\r\n"), 400, "repeated"},
      {call(envelope(), "x-aivault-group: g\r\n"), 400, "--workspace-id is required"},
  };
  ServerStage stage;
  std::size_t count = 0;
  for (const auto& example : cases) {
    const auto answer = stage.connect().ask(example.request);
    EXPECT_EQ(answer.status, example.status) << example.text;
    EXPECT_TRUE(answer.says(example.text)) << answer.body;
    EXPECT_EQ(answer.header("cache-control"), "no-store");
    const auto records = stage.records();
    EXPECT_EQ(records.size(), ++count);
    EXPECT_EQ(records.back().outcome, "denied");
    EXPECT_EQ(records.back().request_id, answer.header("x-aivault-request-id"));
  }
  EXPECT_EQ(stage.upstream.accepted(), 0);
  EXPECT_TRUE(stage.has_answered(static_cast<int>(cases.size())));
  for (const std::string_view timeout : {"-1", "0", "99999999999999999999999"}) {
    const auto headers = "x-aivault-timeout-ms: " + std::string(timeout) + "\r\n";
    EXPECT_NE(stage.connect().ask(call(envelope(), headers)).status, 400);
  }
}

TEST(Proxy, CancelsTheCallOfACallerThatIsGoneButNotOfOneThatEndsSending) {
  std::atomic<int> gone = 0;
  ServerStage stage([&gone](TlsPeer& peer) {
    const auto head = peer.read_head();
    if (head.starts_with("POST")) {
      std::this_thread::sleep_for(100ms);
      peer.write(response("late"));
      return;
    }
    peer.drain();
    ++gone;
  });
  auto half = stage.connect();
  half.send(call(envelope("", "POST")));
  half.end_sending();
  EXPECT_EQ(half.receive().body, "late");

  auto leaver = stage.connect();
  leaver.send(call());
  while (stage.upstream.handshakes() < 2) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(20ms);
  leaver.close();
  for (int i = 0; i < 200 && gone == 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(gone, 1);
  const auto records = stage.records();
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records.back().outcome, "error");
  EXPECT_EQ(records.back().note, "cancelled by caller");
}

TEST(Proxy, BreaksOffTheCallOfACallerThatSendsUrgentData) {
  std::atomic<int> gone = 0;
  ServerStage stage([&gone](TlsPeer& peer) {
    peer.drain();
    ++gone;
  });
  auto caller = stage.connect();
  caller.send(call());
  while (stage.upstream.handshakes() < 1) std::this_thread::sleep_for(1ms);
  if (!caller.send_urgent('x')) GTEST_SKIP() << "this kernel has no urgent data on unix sockets";
  for (int i = 0; i < 400 && gone == 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(gone, 1);
}

TEST(Proxy, RelaysAnEarlyAnswerAndDropsTheRestOfTheBody) {
  ServerStage stage([](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig");
    peer.drain();
  });
  auto caller = stage.connect();
  const auto json = envelope(R"(,"bodyStream":{"size":1000000000})", "POST");
  caller.send(
      "POST /aivault/proxy HTTP/1.1\r\nhost: x\r\ncontent-type: application/vnd.aivault.envelope"
      "\r\ncontent-length: " +
      std::to_string(4 + json.size() + 1'000'000'000) + "\r\n\r\n" + *protocol::encode_frame(json) +
      std::string(50'000, 'x'));
  const auto answer = caller.receive();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "big");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(caller.is_closed());
}

TEST(Proxy, DropsDescriptorsThatACallerPasses) {
  ServerStage stage;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  stage.on_loop([&] { stage.server().serve(platform::Descriptor(ends[1])); });
  std::array<char, CMSG_SPACE(sizeof(int))> control{};
  std::string text = get("/aivault/health");
  iovec place{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &ends[0], sizeof(int));
  ASSERT_GT(::sendmsg(ends[0], &message, 0), 0);
  Caller caller(ends[0]);
  EXPECT_TRUE(caller.is_closed());
}

TEST(Server, LimitsTheConnectionsOfOneUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to connect as somebody else";
  Server::Options options;
  options.max_connections_per_uid = 2;
  ServerStage stage(always(response("hello")), options);
  auto one = stage.connect(kStranger);
  auto two = stage.connect(kStranger);
  auto three = stage.connect(kStranger);
  const auto refused = three.receive();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("retry-after"), "1");
  EXPECT_TRUE(refused.says("too many connections"));
  EXPECT_TRUE(three.is_closed());
  EXPECT_EQ(stage.connect().ask(get("/aivault/health")).status, 200);
  one.close();
  while (stage.open > 1) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(stage.connect(kStranger).ask(get("/aivault/health")).status, 200);
}

TEST(Server, DrainsWithoutLosingWhatRuns) {
  std::atomic<bool> go = false;
  ServerStage stage([&go](TlsPeer& peer) {
    peer.read_head();
    while (!go) std::this_thread::sleep_for(1ms);
    peer.write(response("hello"));
  });
  auto idle = stage.connect();
  EXPECT_EQ(idle.ask(get("/aivault/health")).status, 200);
  auto running = stage.connect();
  running.send(call());
  while (stage.upstream.handshakes() < 1) std::this_thread::sleep_for(1ms);
  stage.on_loop([&stage] { stage.server().drain(); });
  EXPECT_TRUE(idle.is_closed());
  EXPECT_EQ(stage.server().busy_connections(), 1U);
  go = true;
  const auto answer = running.receive();
  EXPECT_EQ(answer.body, "hello");
  EXPECT_TRUE(running.is_closed());
}

TEST(Server, ServesWhatIsQueuedWhenItBeginsToDrain) {
  ServerStage stage;
  const auto path = stage.world.vault().root() + "/../s";
  platform::Descriptor listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  ASSERT_EQ(::bind(listening.get(), name, sizeof address), 0);
  ASSERT_EQ(::listen(listening.get(), 16), 0);
  const auto connect = [&] {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(descriptor, name, sizeof address), 0);
    return Caller(descriptor);
  };
  auto queued = connect();
  auto silent = connect();
  queued.send(get("/aivault/whoami"));
  stage.on_loop([&] {
    stage.server().listen(std::move(listening));
    stage.server().drain();
  });
  const auto answer = queued.receive();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(silent.is_closed());
  const int late = ::socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_NE(::connect(late, name, sizeof address), 0);
  ::close(late);
}

TEST(Server, AcceptsOnAListeningSocket) {
  ServerStage stage;
  const auto path = stage.world.vault().root() + "/../s";
  platform::Descriptor listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  ASSERT_EQ(::bind(listening.get(), name, sizeof address), 0);
  ASSERT_EQ(::listen(listening.get(), 16), 0);
  stage.on_loop([&] { stage.server().listen(std::move(listening)); });
  for (int i = 0; i < 20; ++i) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::connect(descriptor, name, sizeof address), 0);
    EXPECT_EQ(Caller(descriptor).ask(get("/aivault/health")).status, 200);
  }
  for (int i = 0; i < 200 && stage.open > 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(stage.open, 0U);
}

TEST(Server, AnswersAShutdownRequestBeforeTheDaemonActs) {
  ServerStage stage;
  auto caller = stage.connect();
  EXPECT_EQ(caller.ask(post("/aivault/shutdown", R"({"mode":"later"})")).status, 400);
  const auto answer = caller.ask(post("/aivault/shutdown", R"({"mode":"restart"})"));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body, R"({"next":"start","pid":7})");
  EXPECT_TRUE(caller.is_closed());
}

TEST(Server, AnswersHeadWithAHeadAlone) {
  ServerStage stage;
  auto caller = stage.connect();
  for (const auto* target : {"/aivault/health", "/aivault/proxy", "/aivault/secrets", "/x"}) {
    SCOPED_TRACE(target);
    caller.send("HEAD " + std::string(target) + " HTTP/1.1\r\nhost: x\r\n\r\n");
    auto& pending = caller.pending();
    while (http::head_size(pending) == 0 && caller.more()) {
    }
    const auto size = http::head_size(pending);
    const auto head = http::parse_response_head(std::string_view(pending).substr(0, size));
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, std::string_view(target) == "/x" ? 404 : 405);
    EXPECT_EQ(pending.size(), size);
    pending.clear();
    EXPECT_EQ(caller.ask(get("/aivault/health")).status, 200);
  }
}

TEST(Server, AnswersInternalWhereARequestBreaks) {
  ServerStage stage;
  stage.breaks = true;
  auto caller = stage.connect();
  const auto answer = caller.ask(post("/aivault/shutdown", R"({"mode":"exit"})"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_TRUE(answer.says(R"("reason":"internal")")) << answer.body;
  EXPECT_TRUE(caller.is_closed());
  EXPECT_EQ(stage.connect().ask(get("/aivault/health")).status, 200);
}

TEST(Server, KeepsPlacesInItsQueueForOperators) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs several users";
  ServerStage stage;
  std::promise<void> gate;
  boost::asio::post(stage.operator_thread(),
                    [opened = gate.get_future().share()] { opened.wait(); });
  const auto list = get("/aivault/capabilities");
  std::vector<Caller> waiting;
  const auto ask_as = [&](std::optional<std::int64_t> uid) {
    waiting.push_back(stage.connect(uid));
    waiting.back().send(list);
    return stage.is_busy_with(waiting.size());
  };
  for (std::int64_t user = 0; user < 6; ++user) {
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(ask_as(kStranger + user));
    if (user > 0) continue;
    const auto ninth = stage.connect(kStranger).ask(list);
    EXPECT_EQ(ninth.status, 503);
    EXPECT_TRUE(ninth.says("vault busy"));
  }
  EXPECT_EQ(stage.connect(kStranger + 6).ask(list).status, 503);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(ask_as(std::nullopt));
  EXPECT_EQ(stage.connect().ask(list).status, 503);
  gate.set_value();
  for (auto& caller : waiting) EXPECT_EQ(caller.receive().status, 200);
}

TEST(Proxy, RefusesAnEnvelopeBeyondTheMemoryOfOneUser) {
  Server::Options options;
  options.memory.of_uid = std::size_t{1} << 20U;
  ServerStage stage(always(response("hello")), options);
  const auto large = envelope(R"(,"body":")" + std::string(600'000, 'a') + '"', "POST");
  const auto request = call(large);
  const auto framed_request = framed(large, "");
  for (const auto& whole : {request, framed_request}) {
    auto holder = stage.connect();
    holder.send(std::string_view(whole).substr(0, whole.size() - 1));
    // It holds its part when another one no longer fits.
    auto second = stage.connect();
    const auto refused = [&] {
      Answer answer;
      for (int i = 0; i < 100 && answer.status != 429; ++i) {
        second = stage.connect();
        answer = second.ask(request);
      }
      return answer;
    }();
    EXPECT_EQ(refused.status, 429);
    EXPECT_TRUE(refused.says("memory budget exhausted")) << refused.body;
    EXPECT_TRUE(refused.says(R"("reason":"concurrency_limit")"));
    EXPECT_EQ(holder.ask(whole.substr(whole.size() - 1)).status, 200);
    EXPECT_EQ(stage.connect().ask(whole).status, 200);
  }
}

TEST(Proxy, SetsNothingAsideForBytesThatAreOnlyAnnounced) {
  Server::Options options;
  options.memory.of_uid = std::size_t{1} << 20U;
  ServerStage stage(always(response("hello")), options);
  std::vector<Caller> announcing;
  for (std::size_t i = 0; i < 15; ++i) {
    announcing.push_back(stage.connect());
    announcing.back().send(
        "POST /aivault/proxy HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        "content-length: 33000000\r\n\r\n{");
  }
  ASSERT_TRUE(stage.is_busy_with(announcing.size()));
  EXPECT_EQ(stage.connect().ask(call()).status, 200);
}

}  // namespace
}  // namespace aivault::server
