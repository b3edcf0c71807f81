#include "upstream/response_parser.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "upstream/response_check.h"

namespace aivault::upstream {
namespace {

struct HeadCase {
  const char* name;
  std::string head;
  std::string reason;  // "": accepted.
};

std::vector<HeadCase> head_cases() {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  std::string hundred = ok;
  for (int i = 0; i < 100; ++i) hundred += "x-" + std::to_string(i) + ": v\r\n";
  return {
      {"plain", ok + "content-length: 3\r\n\r\n", ""},
      {"no space after the status", "HTTP/1.1 204\r\n\r\n", "protocol"},
      {"empty reason phrase", "HTTP/1.1 404 \r\n\r\n", ""},
      {"chunked in any case", ok + "Transfer-Encoding: Chunked\r\n\r\n", ""},
      {"old version", "HTTP/1.0 200 OK\r\n\r\n", ""},
      {"bytes above 0x7f in a value", ok + "x-a: caf\xc3\xa9\r\n\r\n", ""},
      {"identity", ok + "content-encoding: identity\r\n\r\n", ""},
      {"a hundred headers", hundred + "\r\n", ""},
      {"more than a hundred headers", hundred + "one: more\r\n\r\n", "protocol"},
      {"two equal lengths", ok + "content-length: 3\r\ncontent-length: 3\r\n\r\n", "protocol"},
      {"two lengths", ok + "content-length: 3\r\ncontent-length: 4\r\n\r\n", "protocol"},
      {"list of lengths", ok + "content-length: 3, 3\r\n\r\n", "protocol"},
      {"negative length", ok + "content-length: -1\r\n\r\n", "protocol"},
      {"signed length", ok + "content-length: +1\r\n\r\n", "protocol"},
      {"huge length", ok + "content-length: 99999999999999999999\r\n\r\n", "protocol"},
      {"empty length", ok + "content-length:\r\n\r\n", "protocol"},
      {"length and chunked",
       ok + "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
       "protocol"},
      {"unknown transfer coding", ok + "transfer-encoding: gzip, chunked\r\n\r\n", "protocol"},
      {"chunked twice",
       ok + "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
       "protocol"},
      {"xchunked", ok + "transfer-encoding: xchunked\r\n\r\n", "protocol"},
      {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "protocol"},
      {"folded header", ok + "x-a: b\r\n c\r\n\r\n", "protocol"},
      {"fold first", ok + " x-a: b\r\n\r\n", "protocol"},
      {"space before colon", ok + "content-length : 3\r\n\r\n", "protocol"},
      {"no colon", ok + "content-length\r\n\r\n", "protocol"},
      {"empty name", ok + ": v\r\n\r\n", "protocol"},
      {"bare line feed", ok + "x-a: b\nx-c: d\r\n\r\n", "protocol"},
      {"bare carriage return", ok + "x-a: b\rx-c: d\r\n\r\n", "protocol"},
      {"NUL", ok + std::string("x-a: b\0c\r\n\r\n", 12), "protocol"},
      {"HTTP/2", "HTTP/2 200 OK\r\n\r\n", "protocol"},
      {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", "protocol"},
      {"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "protocol"},
      {"status 600", "HTTP/1.1 600 OK\r\n\r\n", "protocol"},
      {"status 2000", "HTTP/1.1 2000 OK\r\n\r\n", "protocol"},
      {"control byte in the status line", "HTTP/1.1 200 O\x01K\r\n\r\n", "protocol"},
      {"head too large",
       ok + "x-a: " + std::string(kMaxResponseHead, 'a') + "\r\n\r\n",
       "protocol"},
      {"gzip without a body", "HTTP/1.1 304 X\r\ncontent-encoding: gzip\r\n\r\n", ""},
  };
}

TEST(ResponseParser, AcceptsAndRefusesHeadsOfTheTable) {
  for (const auto& example : head_cases()) {
    SCOPED_TRACE(example.name);
    ResponseParser parser(Asked::with_body);
    const auto head = parser.parse_head(example.head);
    EXPECT_EQ(head ? "" : head.error().reason, example.reason);
    if (!head) {
      EXPECT_EQ(head.error().code, ErrorCode::upstream_unreachable);
    }
  }
}

TEST(ResponseParser, KeepsHeadersInOrderWithLowerCaseNames) {
  ResponseParser parser(Asked::with_body);
  const auto head = parser.parse_head(
      "HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nX-Id:  A b \r\nset-cookie: b=2\r\n"
      "Content-Length: 5\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 201);
  EXPECT_EQ(head->content_length, 5U);
  EXPECT_TRUE(head->body_expected);
  const http::Headers wanted{
      {"set-cookie", "a=1"}, {"x-id", "A b"}, {"set-cookie", "b=2"}, {"content-length", "5"}};
  EXPECT_EQ(head->headers, wanted);
}

TEST(ResponseParser, ExpectsNoBodyAfterHead204And304) {
  ResponseParser asked(Asked::head_only);
  const auto head = asked.parse_head("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_FALSE(head->body_expected);
  EXPECT_EQ(head->content_length, 12U);
  for (const auto* text :
       {"HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 304 No\r\ncontent-length: 9\r\n\r\n"}) {
    ResponseParser parser(Asked::with_body);
    const auto empty = parser.parse_head(text);
    ASSERT_TRUE(empty);
    EXPECT_FALSE(empty->body_expected);
    EXPECT_TRUE(parser.done());
  }
}

// Feeds `body` in pieces of `in` bytes and takes it out in pieces of `out` bytes.
Result<std::string> decode(const std::string& head,
                           const std::string& body,
                           std::size_t in,
                           std::size_t out) {
  ResponseParser parser(Asked::with_body);
  TRY(parser.parse_head(head));
  std::string decoded;
  std::vector<std::byte> into(out);
  std::size_t begin = 0;
  std::size_t end = 0;
  while (!parser.done()) {
    const auto view = std::string_view(body).substr(begin, end - begin);
    TRY_ASSIGN(const auto step, parser.parse_body(view, into));
    begin += step.consumed;
    decoded.append(reinterpret_cast<const char*>(into.data()), step.produced);
    if (step.consumed == 0 && step.produced == 0) {
      if (end == body.size()) break;
      end = std::min(body.size(), end + in);
    }
  }
  if (!parser.done()) return invalid_request("incomplete", decoded);
  return decoded;
}

TEST(ResponseParser, DecodesChunksHoweverTheyAreCut) {
  const std::string head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  const std::string body =
      "5;name=value\r\nhello\r\nD\r\n, wide world!\r\n00\r\nx-trailer: dropped\r\n\r\n";
  for (std::size_t in = 1; in <= body.size(); ++in) {
    for (const std::size_t out : {1U, 2U, 3U, 7U, 100U}) {
      const auto decoded = decode(head, body, in, out);
      ASSERT_TRUE(decoded) << in << " " << out << " " << decoded.error().message;
      EXPECT_EQ(*decoded, "hello, wide world!");
    }
  }
}

TEST(ResponseParser, DecodesAnEndWithoutChunksHoweverItIsCut) {
  const std::string head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  for (const std::string body : {"0\r\n\r\n", "00\r\n\r\n", "0;a=b\r\n\r\n", "0\r\na: b\r\n\r\n"}) {
    for (std::size_t in = 1; in <= body.size(); ++in) {
      const auto decoded = decode(head, body, in, 1);
      ASSERT_TRUE(decoded) << body << in << " " << decoded.error().message;
      EXPECT_EQ(*decoded, "");
    }
  }
}

TEST(ResponseParser, RefusesBrokenChunks) {
  const std::string head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  for (const std::string body : {"zz\r\nhello\r\n",
                                 "-5\r\nhello\r\n",
                                 "5\r\nhelloo\r\n0\r\n\r\n",
                                 "fffffffffffffffff\r\nhello\r\n",
                                 "4\r\n\r\n1\n0+ab",
                                 "4\r\nabcd00\r\n",
                                 "4\r\nabcd0\r\nx",
                                 "4\r\nabcd\r\n\r\n",
                                 "0\n\r'"}) {
    for (std::size_t in = 1; in <= body.size(); ++in) {
      const auto decoded = decode(head, body, in, 100);
      ASSERT_FALSE(decoded) << body;
      EXPECT_EQ(decoded.error().reason, "protocol") << body << in;
    }
  }
}

TEST(ResponseParser, KnowsHowTheBodyEnds) {
  ResponseParser parser(Asked::with_body);
  ASSERT_TRUE(parser.parse_head("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_TRUE(parser.ends_with_connection());
  EXPECT_FALSE(parser.keeps_connection());
  ResponseParser closing(Asked::with_body);
  ASSERT_TRUE(
      closing.parse_head("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
  EXPECT_FALSE(closing.ends_with_connection());
  EXPECT_FALSE(closing.keeps_connection());
  ResponseParser kept(Asked::with_body);
  ASSERT_TRUE(kept.parse_head("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
  EXPECT_TRUE(kept.keeps_connection());
}

TEST(ResponseCheck, SeesEarlyThatSomethingElseAnswers) {
  EXPECT_TRUE(check_response_start(""));
  EXPECT_TRUE(check_response_start("HT"));
  EXPECT_TRUE(check_response_start("HTTP/1.1 200 OK\r\nx-a:"));
  EXPECT_FALSE(check_response_start("SSH-2.0"));
  EXPECT_FALSE(check_response_start("\n"));
  EXPECT_FALSE(check_response_start("HTTP/1.1 200 OK\nx-a: b"));
}

}  // namespace
}  // namespace aivault::upstream
