// Requests to the server itself: what is refused, who may ask, how it ends.
#include <gtest/gtest.h>

#include "server/server_stage_test.h"

namespace aivault::server {
namespace {

TEST(Server, RefusesWhatTwoParsersCouldReadDifferently) {
  struct Case {
    const char* name;
    std::string request;
    int status;
  };
  const std::string line = "GET /aivault/health HTTP/1.1\r\n";
  const std::vector<Case> cases{
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
  EXPECT_EQ(stage.connect().ask(via_tcp(get("/aivault/whoami"))).status, 401);
}

TEST(Server, RecordsWhatItRefusesWhateverTheTarget) {
  ServerStage stage;
  const std::string evil = "origin: http://evil.com\r\n";
  stage.connect().ask(call(envelope(), evil));
  stage.connect().ask(get("/aivault/secrets", evil));
  stage.connect().ask(get("/aivault/health", evil));
  stage.connect().ask(via_tcp(call()));
  stage.connect().ask(via_tcp(get("/aivault/secrets")));
  stage.connect().ask(via_tcp(get("/aivault/health")));
  const auto calls = stage.records();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].reason, "origin_not_allowed");
  EXPECT_EQ(calls[1].reason, "token_required");
  const auto operations = stage.world.audited("operator.denied");
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_EQ(operations[0].reason, "origin_not_allowed");
  EXPECT_EQ(operations[0].note, "GET /aivault/secrets");
  EXPECT_EQ(operations[1].reason, "");  // Never over TCP, whoever asks.
  EXPECT_EQ(operations[1].note, "GET /aivault/secrets");
}

TEST(Server, LimitsTheConnectionsOfOneUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to connect as somebody else";
  Server::Options options;
  options.limits.connections_per_uid = 2;
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
  ListeningSocket listening(stage);
  auto queued = listening.connect();
  auto silent = listening.connect();
  queued.send(get("/aivault/whoami"));
  stage.on_loop([&] {
    stage.server().listen(listening.take());
    stage.server().drain();
  });
  const auto answer = queued.receive();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(silent.is_closed());
  EXPECT_TRUE(listening.refuses());
}

TEST(Server, AcceptsOnAListeningSocket) {
  ServerStage stage;
  ListeningSocket listening(stage);
  stage.on_loop([&] { stage.server().listen(listening.take()); });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(listening.connect().ask(get("/aivault/health")).status, 200);
  }
  for (int i = 0; i < 4000 && stage.open > 0; ++i) std::this_thread::sleep_for(5ms);
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
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to connect as somebody else";
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

}  // namespace
}  // namespace aivault::server
