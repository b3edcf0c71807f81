#include "broker/outgoing_body.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "testing/run_async.h"

namespace aivault::broker {
namespace {

// The bytes of a text, a few at a time.
class Pieces final : public upstream::BodySource {
 public:
  Pieces(std::string text, std::size_t piece) : text_(std::move(text)), piece_(piece) {}
  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    const auto size = std::min({into.size(), piece_, text_.size()});
    std::ranges::copy(bytes_of(text_).first(size), into.begin());
    text_.erase(0, size);
    co_return size;
  }

 private:
  std::string text_;
  std::size_t piece_;
};

struct Drained {
  std::string bytes;
  std::string reason = "ok";
};

Drained drain(upstream::BodySource& source, std::size_t piece) {
  boost::asio::io_context loop;
  Drained result;
  std::vector<std::byte> into(piece);
  for (;;) {
    const auto got = testing::run_async(loop, source.read(into));
    if (!got) {
      result.reason = got.error().reason;
      return result;
    }
    if (*got == 0) return result;
    result.bytes += text_of(std::span(into).first(*got));
  }
}

TEST(OutgoingBody, OfNoBodyIsNone) {
  const auto body = make_body(protocol::NoBody(), nullptr);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->source, nullptr);
}

TEST(OutgoingBody, GivesTextInAnyPieces) {
  for (const std::size_t piece : {1U, 2U, 100U}) {
    auto body = make_body(std::string("hello"), nullptr);
    ASSERT_TRUE(body);
    EXPECT_EQ(body->size, 5U);
    const auto drained = drain(*body->source, piece);
    EXPECT_EQ(drained.bytes, "hello");
    EXPECT_EQ(body->source->taken(), 5U);
  }
}

TEST(OutgoingBody, RefusesBytesThatNobodyAnnounced) {
  Pieces more("x", 1);
  auto body = make_body(std::string("hello"), &more);
  ASSERT_TRUE(body);
  EXPECT_EQ(drain(*body->source, 100).reason, "body_length");
  boost::asio::io_context loop;
  Pieces nothing("", 1);
  EXPECT_TRUE(testing::run_async(loop, expect_end(&nothing)));
  Pieces something("x", 1);
  EXPECT_FALSE(testing::run_async(loop, expect_end(&something)));
}

TEST(OutgoingBody, NeedsTheBytesItAnnounces) {
  EXPECT_FALSE(make_body(protocol::StreamBody{3}, nullptr));
  EXPECT_FALSE(make_body(protocol::StreamBody{}, nullptr));
  protocol::Multipart form;
  form.files.push_back({"f", "n", "", std::nullopt, 3});
  const auto body = make_body(form, nullptr);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().reason, "body_length");
}

TEST(OutgoingBody, PutsAnnouncedBytesIntoTheirPlacesInAForm) {
  struct Case {
    const char *bytes, *reason;
  };
  for (const auto& [bytes, reason] : std::initializer_list<Case>{
           {"onetwoo", "ok"}, {"onetwo", "body_length"}, {"onetwooo", "body_length"}}) {
    for (const std::size_t piece : {1U, 3U, 1000U}) {
      protocol::Multipart form;
      form.files.push_back({"a", "1", "", std::nullopt, 3});
      form.files.push_back({"b", "2", "", std::nullopt, 0});
      form.files.push_back({"c", "3", "", std::nullopt, 4});
      Pieces announced(bytes, piece);
      auto body = make_body(std::move(form), &announced);
      ASSERT_TRUE(body);
      const auto drained = drain(*body->source, 7);
      EXPECT_EQ(drained.reason, reason) << bytes;
      if (drained.reason != "ok") continue;
      EXPECT_EQ(drained.bytes.size(), body->size);
      EXPECT_NE(drained.bytes.find("\r\n\r\none\r\n--"), std::string::npos);
      EXPECT_NE(drained.bytes.find("\r\n\r\n\r\n--"), std::string::npos);
      EXPECT_NE(drained.bytes.find("\r\n\r\ntwoo\r\n--"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace aivault::broker
