#include "http/chunked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace aivault::http {
namespace {

struct Outcome {
  std::string data;
  std::string rest;  // What the decoder did not take.
  bool done = false;
  std::string error;
};

Outcome decode(ChunkDecoder& decoder, std::string_view input, std::size_t piece) {
  Outcome outcome;
  std::size_t end = 0;
  while (!decoder.done() && end < input.size()) {
    end = std::min(input.size(), end + piece);
    auto window = input.substr(0, end);
    for (;;) {
      const auto step = decoder.feed(window);
      if (!step) {
        EXPECT_EQ(step.error().code, ErrorCode::invalid_request);
        EXPECT_EQ(step.error().reason, "http_syntax");
        outcome.error = step.error().message;
        return outcome;
      }
      outcome.data += step->data;
      window.remove_prefix(step->consumed);
      input.remove_prefix(step->consumed);
      end -= step->consumed;
      if (step->consumed == 0 || decoder.done()) break;
    }
    EXPECT_TRUE(decoder.done() || window.empty()) << "the decoder must take all it is given";
  }
  outcome.done = decoder.done();
  outcome.rest = input;
  return outcome;
}

TEST(ChunkDecoder, DecodesHoweverTheInputIsCut) {
  const std::string body =
      "5\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n0\r\nX-Outcome: ok\r\nx-b:\r\n\r\nGET /next";
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    ChunkDecoder decoder;
    const auto outcome = decode(decoder, body, piece);
    ASSERT_EQ(outcome.error, "");
    EXPECT_TRUE(outcome.done);
    EXPECT_EQ(outcome.data, "hello 0123456789");
    EXPECT_EQ(outcome.rest, "GET /next");
    EXPECT_EQ(decoder.trailers(), (Headers{{"x-outcome", "ok"}, {"x-b", ""}}));
  }
}

TEST(ChunkDecoder, IsNotDoneBeforeTheLastLine) {
  const std::string body = "3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t size = 0; size < body.size(); ++size) {
    ChunkDecoder decoder;
    EXPECT_FALSE(decode(decoder, body.substr(0, size), 4).done) << size;
  }
}

TEST(ChunkDecoder, HandsOutViewsWithoutCopying) {
  const std::string input = "4\r\nabcd";
  ChunkDecoder decoder;
  const auto step = decoder.feed(input);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->data.data(), input.data() + 3);
  EXPECT_EQ(step->consumed, input.size());
}

TEST(ChunkDecoder, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::vector<std::string> bodies = {
      "\r\n",
      "5;a=b\r\nhello\r\n",
      "5 \r\nhello\r\n",
      " 5\r\nhello\r\n",
      "5\nhello\r\n",
      "5\r\rhello\r\n",
      "5\r5\r\nhello\r\n",
      "0x5\r\nhello\r\n",
      "-5\r\nhello\r\n",
      "+5\r\nhello\r\n",
      "g\r\nhello\r\n",
      std::string("5\0\r\nhello\r\n", 11),
      "5\r\nhelloworld\r\n",
      "5\r\nhello\n",
      "5\r\nhello0\r\n\r\n",
      "10000000000000000\r\n",
      "00000000000000005\r\nhello",
      "0\r\n\n",
      "0\r\nx-a b\r\n\r\n",
      "0\r\nx-a : b\r\n\r\n",
      "0\r\n x: b\r\n\r\n",
      "0\r\nx-a: b\nx-c: d\r\n\r\n",
      "0\r\nx-a: b\rc\r\n\r\n",
  };
  for (const auto& body : bodies) {
    for (const std::size_t piece : {std::size_t{1}, body.size()}) {
      ChunkDecoder decoder;
      EXPECT_NE(decode(decoder, body, piece).error, "") << ::testing::PrintToString(body);
    }
  }
}

TEST(ChunkDecoder, RefusesAnEndlessLineBeforeItsEnd) {
  ChunkDecoder decoder;
  EXPECT_NE(decode(decoder, std::string(32, '0'), 1).error, "");
}

TEST(ChunkDecoder, BoundsTheTrailers) {
  const auto trailers = [](std::size_t bytes) {
    std::string out = "0\r\n";
    while (bytes > 100) {
      out += "x: " + std::string(95, 'a') + "\r\n";
      bytes -= 100;
    }
    return out + "y: " + std::string(bytes - 7, 'a') + "\r\n\r\n";
  };
  ChunkDecoder within;
  EXPECT_TRUE(decode(within, trailers(8192), 1000).done);
  ChunkDecoder beyond;
  EXPECT_NE(decode(beyond, trailers(8193), 1000).error, "");
}

TEST(ChunkHeader, IsHexadecimal) {
  EXPECT_EQ(chunk_header(0), "0\r\n");
  EXPECT_EQ(chunk_header(500), "1f4\r\n");
  EXPECT_EQ(chunk_header(~std::size_t{0}), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace aivault::http
