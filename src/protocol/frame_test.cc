#include "protocol/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace aivault::protocol {
namespace {

using std::string_literals::operator""s;

TEST(Frame, BeginsWithTheLengthMostSignificantByteFirst) {
  EXPECT_EQ(encode_frame(""), "\0\0\0\0"s);
  EXPECT_EQ(encode_frame("{}"), "\0\0\0\2{}"s);
  EXPECT_EQ(encode_frame(std::string(0xb5, 'x'))->substr(0, 4), "\0\0\0\xb5"s);
  EXPECT_EQ(encode_frame(std::string(0x010203, 'x'))->substr(0, 4), "\0\1\2\3"s);
}

TEST(Frame, HoldsAtMost32MiB) {
  const auto refused = encode_frame(std::string(kMaxEnvelope + 1, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "envelope_json");
  FrameDecoder at_limit;
  EXPECT_EQ(at_limit.feed("\2\0\0\0"s), 4U);
  for (const auto& prefix : {"\2\0\0\1"s, "\xff\xff\xff\xff"s}) {
    FrameDecoder decoder;
    const auto fed = decoder.feed(prefix);
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().reason, "envelope_json");
    EXPECT_TRUE(fed.error().message.starts_with("invalid envelope JSON"));
  }
}

TEST(FrameDecoder, TakesNoAnnouncedByteHoweverTheBodyIsCut) {
  const auto body = *encode_frame(R"({"capability":"a/b"})") + "announced";
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    FrameDecoder decoder;
    std::size_t at = 0;
    while (!decoder.done()) {
      const auto used = decoder.feed(std::string_view(body).substr(at, piece));
      ASSERT_TRUE(used);
      ASSERT_GT(*used, 0U);
      at += *used;
    }
    EXPECT_EQ(decoder.json(), R"({"capability":"a/b"})");
    EXPECT_EQ(body.substr(at), "announced");
    EXPECT_EQ(decoder.feed("more"), 0U);
    EXPECT_TRUE(decoder.finish());
  }
}

TEST(FrameDecoder, RefusesABodyThatEndsEarly) {
  const auto body = *encode_frame("{}");
  for (std::size_t size = 0; size < body.size(); ++size) {
    FrameDecoder decoder;
    ASSERT_EQ(decoder.feed(std::string_view(body).substr(0, size)), size);
    const auto finished = decoder.finish();
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, ErrorCode::invalid_request);
    EXPECT_EQ(finished.error().reason, "body_length");
  }
}

TEST(FrameDecoder, ReservesNothingForBytesThatAreOnlyPromised) {
  FrameDecoder decoder;
  ASSERT_TRUE(decoder.feed("\1\xff\xff\xff{"s));
  EXPECT_LT(decoder.json().capacity(), 1024U);
}

}  // namespace
}  // namespace aivault::protocol
