// Calls over the socket: framing, streaming, cancellation, refusals.
#include <gtest/gtest.h>

#include "server/server_stage_test.h"

namespace aivault::server {
namespace {

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
  for (int i = 0; i < 4000 && gone == 0; ++i) std::this_thread::sleep_for(5ms);
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
  for (int i = 0; i < 4000 && gone == 0; ++i) std::this_thread::sleep_for(5ms);
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
