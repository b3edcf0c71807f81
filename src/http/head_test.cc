#include "http/head.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace aivault::http {
namespace {

const std::string kGet = "GET /a HTTP/1.1\r\nhost: aivault\r\n";

std::string repeated_headers(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += "x-" + std::to_string(i) + ": v\r\n";
  return out;
}

TEST(RequestHead, IsReadInOrderWithLowerCaseNames) {
  const auto head = parse_request_head(
      "POST /aivault/proxy?a=%20 HTTP/1.1\r\nHost: aivault\r\nX-A: 1\r\nx-a:\t 2 \t\r\nX-Empty:\r\n"
      "Content-Length: 18446744073709551615\r\nExpect: 100-Continue\r\nTE: gzip, Trailers\r\n"
      "Connection: keep-alive, Close\r\n\r\n");
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/aivault/proxy?a=%20");
  EXPECT_EQ(head->headers[1], (Header{"x-a", "1"}));
  EXPECT_EQ(head->headers[2], (Header{"x-a", "2"}));
  EXPECT_EQ(head->headers[3], (Header{"x-empty", ""}));
  EXPECT_EQ(head->framing, Framing::length);
  EXPECT_EQ(head->content_length, 18446744073709551615U);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_TRUE(head->accepts_trailers);
  EXPECT_TRUE(head->wants_close);
}

TEST(RequestHead, SaysNothingThatWasNotAsked) {
  const auto head = parse_request_head(kGet + "connection: x-close\r\nte: gzip\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->framing, Framing::none);
  EXPECT_FALSE(head->expects_continue);
  EXPECT_FALSE(head->accepts_trailers);
  EXPECT_FALSE(head->wants_close);
}

struct HeadCase {
  std::string head;
  int status;  // 0: accepted.
};

std::vector<HeadCase> request_cases() {
  using std::string;
  const auto line = [](const string& text) { return text + "\r\nhost: aivault\r\n\r\n"; };
  const auto fields = [](const string& text) { return kGet + text + "\r\n"; };
  return {
      {line("GET / HTTP/1.1"), 0},
      {line("get / HTTP/1.1"), 0},  // Another method: whoever serves "/" refuses it.
      {line("OPTIONS /v/x/y HTTP/1.1"), 0},
      // Request line.
      {line("GET /"), 400},
      {line("GET  / HTTP/1.1"), 400},
      {line("GET /  HTTP/1.1"), 400},
      {line("GET / HTTP/1.1 "), 400},
      {line(" GET / HTTP/1.1"), 400},
      {line("GET\t/\tHTTP/1.1"), 400},
      {line("GET / x HTTP/1.1"), 400},
      {line("G\rET / HTTP/1.1"), 400},
      {line("G{T / HTTP/1.1"), 400},
      {line("GET / http/1.1"), 400},
      {line("GET / HTTP/1.10"), 400},
      {line("GET / HTTP/1.1x"), 400},
      {line("GET / HTTP/11"), 400},
      {line("GET / HTTP/1.0"), 505},
      {line("GET / HTTP/1.2"), 505},
      {line("GET / HTTP/2.0"), 505},
      {"PRI * HTTP/2.0\r\n\r\n", 505},
      {line("CONNECT evil.com:443 HTTP/1.1"), 405},
      {line("TRACE / HTTP/1.1"), 405},
      {line("GET http://evil.com/ HTTP/1.1"), 400},
      {line("GET evil HTTP/1.1"), 400},
      {line("OPTIONS * HTTP/1.1"), 400},
      {line("GET /a#b HTTP/1.1"), 400},
      {line("GET /\u560a HTTP/1.1"), 400},
      {line("GET /a\tb HTTP/1.1"), 400},
      {line(string("GET /a\0b HTTP/1.1", 17)), 400},
      {"\r\n" + line("GET / HTTP/1.1"), 400},
      // Line ends.
      {"GET / HTTP/1.1\nhost: aivault\n\n", 400},
      {"GET / HTTP/1.1\r\nhost: aivault\n\r\n", 400},
      {"GET / HTTP/1.1\r\nhost: aivault\r\n\n", 400},
      {fields("x-a: b\nx-c: d\r\n"), 400},
      {fields("x-a: b\rx-c: d\r\n"), 400},
      {fields("x-a: b\r\r\n"), 400},
      {kGet, 400},
      {kGet + "\r\nx-a: b\r\n\r\n", 400},
      {"", 400},
      // Fields.
      {fields("x-a: b\r\n c\r\n"), 400},
      {fields("x-a: b\r\n\tc\r\n"), 400},
      {fields("x-a : b\r\n"), 400},
      {fields("x-a\t: b\r\n"), 400},
      {fields(": b\r\n"), 400},
      {fields("x-a\r\n"), 400},
      {fields("x a: b\r\n"), 400},
      {fields("\u00a0x-a: b\r\n"), 400},
      {fields(string("x-a: b\0c\r\n", 10)), 400},
      {fields("x-a: b\x01\r\n"), 400},
      {fields("x-a: b\x7f\r\n"), 400},
      {fields("x-a: b\tc\r\n"), 0},
      {fields("x-a: caf\u00e9\r\n"), 0},
      {"GET / HTTP/1.1\r\n host: aivault\r\n\r\n", 400},
      // Host.
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {fields("host: aivault\r\n"), 400},
      {"GET / HTTP/1.1\r\nhost:\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", 0},
      // Framing.
      {fields("content-length: 3\r\n"), 0},
      {fields("content-length: 0\r\n"), 0},
      {fields("content-length: 3\r\ncontent-length: 3\r\n"), 400},
      {fields("content-length: 3\r\nContent-Length: 4\r\n"), 400},
      {fields("content-length: 3, 3\r\n"), 400},
      {fields("content-length: +3\r\n"), 400},
      {fields("content-length: -3\r\n"), 400},
      {fields("content-length: 0x3\r\n"), 400},
      {fields("content-length: 3 3\r\n"), 400},
      {fields("content-length:\r\n"), 400},
      {fields("content-length: 18446744073709551616\r\n"), 400},
      {fields("transfer-encoding: chunked\r\n"), 0},
      {fields("Transfer-Encoding: Chunked\r\n"), 0},
      {fields("content-length: 3\r\ntransfer-encoding: chunked\r\n"), 400},
      {fields("transfer-encoding: xchunked\r\ncontent-length: 3\r\n"), 400},
      {fields("transfer-encoding: gzip, chunked\r\n"), 501},
      {fields("transfer-encoding: chunked, chunked\r\n"), 501},
      {fields("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"), 501},
      {fields("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n"), 501},
      {fields("transfer-encoding: identity\r\n"), 501},
      {fields("transfer-encoding: xchunked\r\n"), 501},
      {fields("transfer-encoding: \"chunked\"\r\n"), 501},
      {fields("transfer-encoding: chunked;a=b\r\n"), 501},
      {fields("transfer-encoding:\r\n"), 501},
      {fields("transfer-encoding : chunked\r\n"), 400},
      {fields("transfer-encoding: \x0b"
              "chunked\r\n"),
       400},
      // Expectations.
      {fields("expect: 100-continue\r\n"), 0},
      {fields("expect: 200-ok\r\n"), 417},
      {fields("expect: 100-continue, x\r\n"), 417},
      {fields("expect: 100-continue\r\nexpect: x\r\n"), 417},
      // Sizes.
      {fields(repeated_headers(99)), 0},
      {fields(repeated_headers(100)), 431},
      {line("GET /" + string(kMaxRequestLine - 14, 'a') + " HTTP/1.1"), 0},
      {line("GET /" + string(kMaxRequestLine - 13, 'a') + " HTTP/1.1"), 431},
      {fields("x: " + string(kMaxHead - kGet.size() - 7, 'a') + "\r\n"), 0},
      {fields("x: " + string(kMaxHead - kGet.size() - 6, 'a') + "\r\n"), 431},
  };
}

TEST(RequestHead, IsRefusedWithTheStatusOfTheTable) {
  for (const auto& example : request_cases()) {
    const auto head = parse_request_head(example.head);
    EXPECT_EQ(head ? 0 : head.error().status, example.status)
        << ::testing::PrintToString(example.head.substr(0, 120)) << "\n"
        << (head ? "" : head.error().message);
  }
}

TEST(HeadSize, FindsTheEmptyLineAndTheOnesThatParsingRefuses) {
  EXPECT_EQ(head_size(""), 0U);
  EXPECT_EQ(head_size(kGet), 0U);
  EXPECT_EQ(head_size(kGet + "\r"), 0U);
  EXPECT_EQ(head_size(kGet + "\r\nbody\r\n\r\n"), kGet.size() + 2);
  for (const auto& broken : {std::string("\r\nGET"),
                             std::string("\nGET"),
                             std::string("GET / HTTP/1.1\n\nx"),
                             std::string("GET / HTTP/1.1\n\r\nx"),
                             std::string("GET / HTTP/1.1\r\n\nx")}) {
    const auto size = head_size(broken);
    ASSERT_GT(size, 0U);
    EXPECT_EQ(parse_request_head(broken.substr(0, size)).error().status, 400);
  }
}

TEST(HeadSize, SearchesOnlyWhatIsNew) {
  const auto whole = kGet + "\r\n";
  for (std::size_t have = 1; have <= whole.size(); ++have) {
    EXPECT_EQ(head_size(std::string_view(whole).substr(0, have), have - 1),
              have == whole.size() ? have : 0U);
  }
}

TEST(ResponseHead, TellsHowItsBodyEnds) {
  struct Case {
    std::string head;
    int status;
    Framing framing;
    std::uint64_t length;
  };
  const std::array<Case, 8> cases = {{
      {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", 200, Framing::length, 5},
      {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", 200, Framing::chunked, 0},
      {"HTTP/1.1 200 OK\r\n\r\n", 200, Framing::until_close, 0},
      {"HTTP/1.1 100 Continue\r\n\r\n", 100, Framing::none, 0},
      {"HTTP/1.1 102 Processing\r\nx-aivault-approval: a\r\n\r\n", 102, Framing::none, 0},
      {"HTTP/1.1 204\r\ncontent-length: 5\r\n\r\n", 204, Framing::none, 0},
      {"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", 304, Framing::none, 0},
      {"HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n", 599, Framing::length, 0},
  }};
  for (const auto& example : cases) {
    const auto head = parse_response_head(example.head);
    ASSERT_TRUE(head) << example.head << head.error().message;
    EXPECT_EQ(head->status, example.status);
    EXPECT_EQ(head->framing, example.framing) << example.head;
    EXPECT_EQ(head->content_length, example.length);
  }
}

TEST(ResponseHead, CarriesReasonAndHeaders) {
  const auto head =
      parse_response_head("HTTP/1.1 404 Not Found \u00e9\r\nX-A: 1\r\nconnection: close\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->reason, "Not Found \u00e9");
  EXPECT_EQ(head->headers[0], (Header{"x-a", "1"}));
  EXPECT_TRUE(head->wants_close);
}

TEST(ResponseHead, IsRefusedWhereTwoReadersCouldDisagree) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const auto& head : {std::string("HTTP/1.0 200 OK\r\n\r\n"),
                           std::string("HTTP/1.1  200 OK\r\n\r\n"),
                           std::string("HTTP/1.1 20 OK\r\n\r\n"),
                           std::string("HTTP/1.1 2000\r\n\r\n"),
                           std::string("HTTP/1.1 +20 OK\r\n\r\n"),
                           std::string("HTTP/1.1 099 OK\r\n\r\n"),
                           std::string("HTTP/1.1 600 OK\r\n\r\n"),
                           std::string("HTTP/1.1 200 O\x01K\r\n\r\n"),
                           std::string("200 OK\r\n\r\n"),
                           ok,
                           ok + "a: b\nc: d\r\n\r\n",
                           ok + "content-length: 1\r\ncontent-length: 1\r\n\r\n",
                           ok + "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                           ok + "transfer-encoding: gzip\r\n\r\n",
                           ok + "a: b\r\n c\r\n\r\n",
                           ok + repeated_headers(kMaxResponseHeaders + 1) + "\r\n",
                           ok + "a: " + std::string(kMaxResponseHead, 'a') + "\r\n\r\n"}) {
    const auto parsed = parse_response_head(head);
    ASSERT_FALSE(parsed) << head.substr(0, 80);
    EXPECT_EQ(parsed.error().status, 400);
  }
  EXPECT_TRUE(parse_response_head(ok + repeated_headers(kMaxResponseHeaders) + "\r\n"));
}

}  // namespace
}  // namespace aivault::http
