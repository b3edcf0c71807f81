#include "broker/relay.h"

#include <gtest/gtest.h>

#include <atomic>

#include "broker/body_stage.h"
#include "broker/call_stage_test.h"

namespace aivault::broker {
namespace {

using testing::response;

// Doubles what it gets, holds the last byte back, and refuses an exclamation mark.
class Odd final : public BodyStage {
 public:
  Result<void> feed(std::string_view in, std::string& out) override {
    for (const char c : in) {
      if (c == '!') return fail(ErrorCode::policy_violation, "response_too_large", "too much");
      out += held_;
      held_ = std::string(2, c);
    }
    return {};
  }
  Result<void> finish(std::string& out) override {
    out += held_;
    return {};
  }
  std::string note() const override { return "odd"; }

 private:
  std::string held_;
};

TEST(BodyChain, RunsItsStagesOneBehindTheOther) {
  BodyChain chain;
  std::string out;
  EXPECT_TRUE(chain.empty());
  ASSERT_TRUE(chain.feed("as it is", out));
  EXPECT_EQ(out, "as it is");
  for (int i = 0; i < 3; ++i) chain.add(std::make_unique<Odd>());
  out.clear();
  ASSERT_TRUE(chain.feed("ab", out));
  ASSERT_TRUE(chain.feed("", out));
  ASSERT_TRUE(chain.finish(out));
  EXPECT_EQ(out, "aaaaaaaabbbbbbbb");
  EXPECT_EQ(chain.note(), "odd, odd, odd");
  EXPECT_EQ(chain.feed("x!", out).error().reason, "response_too_large");
}

std::string coded(std::string_view hex_body, std::string_view coding) {
  const auto body = from_hex(hex_body).value_or("");
  return response(
      body,
      "content-encoding: " + std::string(coding) + "\r\ndigest: x\r\ncontent-type: text/plain\r\n");
}
constexpr std::string_view kGzipHello = "1f8b0800000000000203cb48cdc9c957c8402701e3513d8d17000000";

TEST(Relay, DeliversACodedAnswerDecoded) {
  Stage stage(always(coded(kGzipHello, "gzip")));
  const auto outcome = stage.run(envelope());
  EXPECT_EQ(outcome.body, "hello hello hello hello");
  EXPECT_EQ(outcome.length, 23U);
  EXPECT_EQ(find(outcome, "content-encoding"), nullptr);
  EXPECT_EQ(find(outcome, "digest"), nullptr);
}

// Case 200.
TEST(Relay, RefusesWhatItCannotDecode) {
  struct Row {
    std::string hex_body, coding, reason;
  };
  for (const auto& row : std::vector<Row>{{"aa", "x-foo", "encoding_unsupported"},
                                          {"aa", "gzip", "protocol"},
                                          {std::string(kGzipHello, 0, 30), "gzip", "protocol"}}) {
    Stage stage(always(coded(row.hex_body, row.coding)));
    EXPECT_EQ(stage.run(envelope()).reason(), row.reason) << row.coding;
    EXPECT_EQ(stage.records(), (std::vector<std::string>{"started", "error " + row.reason}));
  }
}

// Case 199.
TEST(Relay, WithoutScrubbingPassesAnUnknownCodingAndSaysSo) {
  auto options = Stage::default_options();
  options.secret_echo = true;
  Stage stage(always(coded("aabb", "x-foo")), registry::HeaderAuth(), options);
  const auto outcome = stage.run(envelope());
  EXPECT_EQ(outcome.body, "\xAA\xBB");
  EXPECT_EQ(*find(outcome, "content-encoding"), "x-foo");
  EXPECT_EQ(*find(outcome, "digest"), "x");
  EXPECT_EQ(stage.events().back().note, "scrub off");
}

// Case 198.
TEST(Relay, PassesMediaUntouchedButNotTextThatIsCalledSo) {
  const std::string secret(testing::kWorldSecret);
  const std::string media = std::string("\x89PNG\0", 5) + std::string(70'000, 'x') + secret;
  Stage image(always(response(media, "content-type: image/png\r\ndigest: x\r\n")));
  const auto passed = image.run(envelope());
  EXPECT_EQ(passed.body, media);
  EXPECT_EQ(passed.length, media.size());
  EXPECT_EQ(*find(passed, "digest"), "x");
  EXPECT_EQ(image.events().back().note, "");

  const auto text = std::string(70'000, 'x') + secret;
  Stage stage(always(response(text, "content-type: application/octet-stream\r\ndigest: x\r\n")));
  const auto scrubbed = stage.run(envelope());
  EXPECT_EQ(scrubbed.body, std::string(70'000, 'x') + "[REDACTED]");
  EXPECT_EQ(scrubbed.length, std::nullopt);
  EXPECT_EQ(find(scrubbed, "digest"), nullptr);
  EXPECT_EQ(stage.events().back().note, "scrubbed 1");
}

TEST(Relay, DecidesOnWhatHasArrivedWhenMediaIsSlow) {
  std::atomic<bool> head_came = false;
  std::atomic<bool> came_first = false;
  Stage stage([&](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\ncontent-type: audio/x\r\ncontent-length: 100000\r\n\r\n");
    peer.write(std::string("\xFF\xFB\0", 3));
    for (int i = 0; i < 4000 && !head_came; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    came_first = head_came.load();
    peer.write(std::string(99'997, 'a'));
    peer.drain();
  });
  auto answer = testing::run_async(stage.loop, stage.broker.invoke(stage.call()));
  ASSERT_TRUE(answer);
  head_came = true;
  EXPECT_EQ((*answer)->content_length(), 100'000U);
  std::vector<std::byte> into(16'384);
  std::size_t size = 0;
  for (;;) {
    auto got = testing::run_async(stage.loop, (*answer)->read(into));
    ASSERT_TRUE(got);
    if (*got == 0) break;
    size += *got;
  }
  EXPECT_EQ(size, 100'000U);
  EXPECT_TRUE(came_first);
}

}  // namespace
}  // namespace aivault::broker
