#include "http/websocket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "base/text.h"
#include "http/websocket_handshake.h"

namespace aivault::http::websocket {
namespace {

using Peer = FrameReader::Peer;
using Kind = FrameReader::Piece::Kind;

constexpr Mask kMask = {std::byte{0x37}, std::byte{0xFA}, std::byte{0x21}, std::byte{0x3D}};

// Frames that a test writes down as bytes, first byte, then length byte, then the rest.
std::string raw(std::initializer_list<unsigned> bytes) {
  std::string text;
  for (const auto byte : bytes) text += static_cast<char>(byte);
  return text;
}

std::string frame(Opcode opcode, std::string_view payload, End end = End::of_message) {
  std::string out;
  append_frame(out, opcode, end, payload, std::nullopt);
  return out;
}

// Everything that was read, as words, and the code of what ended it.
struct Read {
  std::string words;
  std::uint16_t violation = 0;
};

Read read_in_steps(const std::string& wire,
                   std::size_t step,
                   Peer peer = Peer::server,
                   std::uint64_t max_message = 1 << 20) {
  FrameReader reader(peer, max_message);
  Read read;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    auto chunk = wire.substr(at, step);
    std::span<char> in(chunk);
    for (;;) {
      const auto piece = reader.next(in);
      if (!piece) {
        read.violation = piece.error().code;
        return read;
      }
      if (piece->kind == Kind::nothing) break;
      if (piece->kind == Kind::data) {
        if (piece->begins) read.words += piece->message == Opcode::text ? "t:" : "b:";
        read.words += piece->bytes;
        if (piece->ends) read.words += ';';
      } else if (piece->kind == Kind::close) {
        read.words += "close " + std::to_string(piece->close.code) + piece->close.reason + ';';
      } else {
        read.words += (piece->kind == Kind::ping ? "ping " : "pong ") + std::string(piece->bytes);
        read.words += ';';
      }
    }
  }
  return read;
}

TEST(FrameReader, ReadsTheExamplesOfTheStandard) {
  // RFC 6455 5.7.
  EXPECT_EQ(read_in_steps(raw({0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}), 100).words, "t:Hello;");
  EXPECT_EQ(read_in_steps(raw({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}),
                          100,
                          Peer::client)
                .words,
            "t:Hello;");
  EXPECT_EQ(read_in_steps(raw({0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f}), 100).words,
            "t:Hello;");
  EXPECT_EQ(read_in_steps(raw({0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}), 100).words,
            "ping Hello;");
}

TEST(FrameReader, ReadsTheSameHoweverItIsCut) {
  std::string wire;
  append_frame(wire, Opcode::text, End::of_fragment, "gr\xC3", kMask);
  append_frame(wire, Opcode::ping, End::of_message, "now", kMask);
  append_frame(wire, Opcode::continuation, End::of_fragment, "", kMask);
  append_frame(wire, Opcode::continuation, End::of_message, "\xBC\xC3\x9F", kMask);
  append_frame(wire, Opcode::binary, End::of_message, std::string(70'000, '\xFF'), kMask);
  append_frame(wire, Opcode::text, End::of_message, "", kMask);
  append_frame(wire, Opcode::pong, End::of_message, "", kMask);
  append_frame(wire, Opcode::close, End::of_message, close_payload({4000, "so long"}), kMask);
  const std::string expected = "t:gr\xC3ping now;\xBC\xC3\x9F;b:" + std::string(70'000, '\xFF') +
                               ";t:;pong ;close 4000so long;";
  for (const auto step : std::to_array<std::size_t>({1, 2, 3, 7, 100, 16'384, 1'000'000})) {
    const auto read = read_in_steps(wire, step, Peer::client);
    EXPECT_EQ(read.words, expected) << step;
    EXPECT_EQ(read.violation, 0) << step;
  }
}

struct Case {
  const char* name;
  std::string wire;
  std::uint16_t violation;
};

class Violations : public testing::TestWithParam<Case> {};

TEST_P(Violations, AreFoundHoweverTheyAreCut) {
  for (const auto step : std::to_array<std::size_t>({1, 2, 1000})) {
    EXPECT_EQ(read_in_steps(GetParam().wire, step, Peer::server, 1000).violation,
              GetParam().violation)
        << step;
  }
}

std::string two(const std::string& a, const std::string& b) { return a + b; }

INSTANTIATE_TEST_SUITE_P(
    All,
    Violations,
    testing::Values(
        Case{"masked_server", raw({0x81, 0x80, 0, 0, 0, 0}), kProtocolError},
        Case{"rsv1", raw({0xC1, 0x00}), kProtocolError},
        Case{"rsv2", raw({0xA2, 0x00}), kProtocolError},
        Case{"rsv3_of_control", raw({0x99, 0x00}), kProtocolError},
        Case{"opcode_3", raw({0x83, 0x00}), kProtocolError},
        Case{"opcode_7", raw({0x87, 0x00}), kProtocolError},
        Case{"opcode_11", raw({0x8B, 0x00}), kProtocolError},
        Case{"opcode_15", raw({0x8F, 0x00}), kProtocolError},
        Case{"long_ping", raw({0x89, 0x7E, 0x00, 0x7E}), kProtocolError},
        Case{"fragmented_ping", raw({0x09, 0x00}), kProtocolError},
        Case{"fragmented_close", raw({0x08, 0x00}), kProtocolError},
        Case{"lone_continuation", raw({0x80, 0x00}), kProtocolError},
        Case{"continuation_after_end",
             two(frame(Opcode::text, "a"), raw({0x80, 0x00})),
             kProtocolError},
        Case{"text_inside_text",
             two(frame(Opcode::text, "a", End::of_fragment), frame(Opcode::text, "b")),
             kProtocolError},
        Case{"binary_inside_text",
             two(frame(Opcode::text, "a", End::of_fragment), frame(Opcode::binary, "b")),
             kProtocolError},
        Case{"length_of_64_bits", raw({0x82, 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0}), kProtocolError},
        Case{"longest_length",
             raw({0x82, 0x7F, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
             kTooBig},
        Case{"longer_than_needed_16", raw({0x82, 0x7E, 0x00, 0x7D}), kProtocolError},
        Case{"longer_than_needed_64",
             raw({0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}),
             kProtocolError},
        Case{"too_big", frame(Opcode::binary, std::string(1001, 'a')), kTooBig},
        Case{"too_big_in_fragments",
             two(frame(Opcode::binary, std::string(1000, 'a'), End::of_fragment),
                 frame(Opcode::continuation, "a")),
             kTooBig},
        Case{"not_utf8", frame(Opcode::text, "\xCE\xBA\xED\xA0\x80"), kNotUtf8},
        Case{"cut_character", frame(Opcode::text, "\xCE"), kNotUtf8},
        Case{"not_utf8_before_the_end",
             two(frame(Opcode::text, "\xF4\x90", End::of_fragment), ""),
             kNotUtf8},
        Case{"not_utf8_over_fragments",
             two(frame(Opcode::text, "\xCE", End::of_fragment),
                 frame(Opcode::continuation, "a", End::of_fragment)),
             kNotUtf8},
        Case{"overlong", frame(Opcode::text, "\xC0\x80"), kNotUtf8},
        Case{"close_of_one_byte", frame(Opcode::close, "\x03"), kProtocolError},
        Case{"reason_not_utf8", frame(Opcode::close, "\x03\xE8\xFF"), kNotUtf8}),
    [](const auto& each) { return each.param.name; });

TEST(FrameReader, JudgesTextBeforeItsFrameEnds) {
  // A frame of 100 bytes of which three are there.
  EXPECT_EQ(read_in_steps(raw({0x81, 100, 'a', 0xFF, 'b'}), 5).violation, kNotUtf8);
}

TEST(FrameReader, RefusesAClientsFrameWithoutAMask) {
  EXPECT_EQ(read_in_steps(frame(Opcode::text, "a"), 10, Peer::client).violation, kProtocolError);
}

TEST(FrameReader, KnowsWhichCloseCodesMayBeSent) {
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1014, 3000, 3999, 4000, 4999}) {
    const auto wire = frame(Opcode::close, close_payload({static_cast<std::uint16_t>(code), ""}));
    EXPECT_EQ(read_in_steps(wire, 10).words, "close " + std::to_string(code) + ';');
  }
  for (const int code : {1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    const auto wire = frame(Opcode::close, close_payload({static_cast<std::uint16_t>(code), ""}));
    EXPECT_EQ(read_in_steps(wire, 10).violation, kProtocolError) << code;
  }
  EXPECT_EQ(read_in_steps(frame(Opcode::close, std::string(2, '\0')), 10).violation,
            kProtocolError);
  EXPECT_EQ(read_in_steps(frame(Opcode::close, ""), 10).words, "close 0;");
}

TEST(ClosePayload, CutsLongReasonsBetweenCharacters) {
  std::string reason(122, 'a');
  reason += "\xC3\xBC";
  EXPECT_EQ(close_payload({1000, reason}).size(), 124);
  EXPECT_EQ(close_payload({1000, std::string(500, 'b')}).size(), kMaxControl);
  EXPECT_EQ(close_payload({0, "nothing"}), "");
}

TEST(AppendFrame, WritesTheShortestLength) {
  EXPECT_EQ(frame(Opcode::binary, std::string(125, 'a')).size(), 127);
  EXPECT_EQ(frame(Opcode::binary, std::string(126, 'a')).size(), 130);
  EXPECT_EQ(frame(Opcode::binary, std::string(65'535, 'a')).size(), 65'539);
  EXPECT_EQ(frame(Opcode::binary, std::string(65'536, 'a')).size(), 65'546);
}

TEST(Utf8Check, AgreesWithTheWholeTextHoweverItIsCut) {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same cases every time.
  constexpr std::string_view kBytes =
      "a\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC2\xDF\xE0\xED\xEF\xF0\xF4\xF5";
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    for (auto n = random() % 6; n > 0; --n) text += kBytes.at(random() % kBytes.size());
    Utf8Check check;
    bool valid = true;
    for (std::size_t at = 0; at < text.size();) {
      const auto step = 1 + random() % 3;
      valid = check.feed(std::string_view(text).substr(at, step)) && valid;
      at += step;
    }
    ASSERT_EQ(valid && check.is_complete(), is_valid_utf8(text)) << testing::PrintToString(text);
  }
}

std::string opening(std::string_view lines) {
  return "GET /v/acme/x HTTP/1.1\r\nhost: a\r\n" + std::string(lines) + "\r\n";
}
constexpr std::string_view kGood =
    "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

TEST(ParseOpening, TakesAClientsHandshake) {
  const auto head = parse_request_head(
      opening(std::string(kGood) + "sec-websocket-protocol: a, b\r\nsec-websocket-protocol: c\r\n"
                                   "sec-websocket-extensions: permessage-deflate\r\n"));
  ASSERT_TRUE(head);
  EXPECT_TRUE(asks_to_open(*head));
  const auto parsed = parse_opening(*head);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key, "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(protocols_of(head->headers), (std::vector<std::string_view>{"a", "b", "c"}));
}

TEST(ParseOpening, RefusesWhatIsNoHandshake) {
  struct Row {
    std::string request;
    int status;
  };
  const auto without = [](std::string_view name) {
    std::string text(kGood);
    const auto at = text.find(name);
    return opening(text.erase(at, text.find("\r\n", at) + 2 - at));
  };
  auto post = opening(kGood);
  post.replace(0, 3, "POST");
  auto old = opening(kGood);
  old.replace(old.find("13"), 2, "8");
  auto short_key = opening(kGood);
  short_key.replace(short_key.find("dGhl"), 24, "dGhlIHNhbXBsZQ==");
  const std::vector<Row> rows = {
      {post, 400},
      {without("Connection"), 400},
      {without("Sec-WebSocket-Version"), 400},
      {without("Sec-WebSocket-Key"), 400},
      {old, 426},
      {short_key, 400},
      {opening(std::string(kGood) + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400},
      {opening(std::string(kGood) + "content-length: 3\r\n"), 400},
      {opening(std::string(kGood) + "sec-websocket-protocol: a b\r\n"), 400},
      {opening(std::string(kGood) + "sec-websocket-protocol: a, a\r\n"), 400},
      {opening(std::string(kGood) + "sec-websocket-protocol: ,\r\n"), 400},
  };
  for (const auto& row : rows) {
    const auto head = parse_request_head(row.request);
    ASSERT_TRUE(head) << row.request;
    const auto parsed = parse_opening(*head);
    ASSERT_FALSE(parsed) << row.request;
    EXPECT_EQ(parsed.error().status, row.status) << row.request;
  }
}

TEST(AsksToOpen, IsNotWhatOtherUpgradesDo) {
  EXPECT_FALSE(
      asks_to_open(*parse_request_head(opening("upgrade: h2c\r\nconnection: upgrade\r\n"))));
  EXPECT_TRUE(asks_to_open(*parse_request_head(opening("upgrade: h2c, websocket\r\n"))));
}

}  // namespace
}  // namespace aivault::http::websocket
