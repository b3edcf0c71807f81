#include <gtest/gtest.h>

#include <set>

#include "broker/client_ip.h"
#include "broker/multipart.h"
#include "broker/random.h"
#include "broker/request_id.h"
#include "broker/running_calls.h"

namespace aivault::broker {
namespace {

TEST(RequestId, SortsByTimeAndUsesBase32Characters) {
  std::array<std::byte, 16> low{};
  std::array<std::byte, 16> high{};
  high.fill(std::byte{0xFF});
  std::string before = make_request_id(from_int(0), high);
  for (const std::int64_t ms : {1LL, 31LL, 32LL, 1'000'000LL, 1'767'225'600'000LL, 1LL << 47}) {
    const auto id = make_request_id(from_int(ms), low);
    EXPECT_EQ(id.size(), 26U);
    EXPECT_EQ(id.find_first_not_of("234567abcdefghijklmnopqrstuvwxyz"), std::string::npos) << id;
    EXPECT_LT(before, id);
    before = make_request_id(from_int(ms), high);
    EXPECT_LT(id, before);
  }
}

TEST(RequestId, DiffersWithinOneMillisecond) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(make_request_id(from_int(7), random_bytes()));
  EXPECT_EQ(ids.size(), 1000U);
}

// Case 24.
TEST(ClientIp, MustBeAnAddressAndLoopback) {
  struct Case {
    const char *text, *outcome;
  };
  for (const auto& [text, outcome] : std::initializer_list<Case>{
           {"127.0.0.1", "ok"},
           {" 127.9.9.9 ", "ok"},
           {"::1", "ok"},
           {"8.8.8.8", "non-loopback clients are rejected by default"},
           {"::2", "non-loopback clients are rejected by default"},
           {"::ffff:8.8.8.8", "non-loopback clients are rejected by default"},
           {"nonsense", "invalid clientIp"},
           {"", "invalid clientIp"},
           {"127.1", "invalid clientIp"},
       }) {
    const auto checked = check_client_ip(text, RemoteClients::refused);
    EXPECT_EQ(checked ? "ok" : checked.error().message, outcome) << text;
  }
  EXPECT_TRUE(check_client_ip("8.8.8.8", RemoteClients::allowed));
  EXPECT_FALSE(check_client_ip("nonsense", RemoteClients::allowed));
}

// Case 12.
TEST(Multipart, LaysOutFieldsThenFilesInOrder) {
  protocol::Multipart form;
  form.fields = {{"purpose", "batch"}, {"a\"b\r\n", "1"}};
  form.files.push_back({"file", "b.jsonl", "", std::nullopt, 10});
  form.files.push_back({"x", "", "text/x", "raw", std::nullopt});
  const auto layout = lay_out(std::move(form), "B");
  ASSERT_TRUE(layout);
  std::string whole;
  for (const auto& piece : layout->pieces) {
    whole += piece.text + std::string(piece.announced, '#');
  }
  EXPECT_EQ(whole,
            "--B\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
            "--B\r\ncontent-disposition: form-data; name=\"a%22b%0D%0A\"\r\n\r\n1\r\n"
            "--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"b.jsonl\"\r\n"
            "content-type: application/jsonl\r\n\r\n##########\r\n"
            "--B\r\ncontent-disposition: form-data; name=\"x\"; filename=\"file\"\r\n"
            "content-type: text/x\r\n\r\nraw\r\n"
            "--B--\r\n");
  EXPECT_EQ(layout->size, whole.size());
  EXPECT_EQ(layout->announced, 10U);
  EXPECT_EQ(layout->content_type, "multipart/form-data; boundary=B");
}

TEST(Multipart, RefusesAPartTypeThatCouldAddHeaders) {
  protocol::Multipart form;
  form.files.push_back({"f", "n", "text/plain\r\nx: 1", "raw", std::nullopt});
  const auto layout = lay_out(std::move(form), "B");
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().reason, "header_syntax");
}

// Case 136.
TEST(Multipart, UsesANewBoundaryEachTime) {
  const auto boundary = make_boundary();
  EXPECT_EQ(boundary.size(), 40U);
  EXPECT_TRUE(boundary.starts_with("aivault-"));
  EXPECT_NE(boundary, make_boundary());
}

TEST(Multipart, KnowsTypesByExtension) {
  EXPECT_EQ(media_type_of("a.JSON"), "application/json");
  EXPECT_EQ(media_type_of("a.b.mp3"), "audio/mpeg");
  EXPECT_EQ(media_type_of("json"), "application/octet-stream");
  EXPECT_EQ(media_type_of("a."), "application/octet-stream");
}

TEST(RunningCalls, CountsPerCallerUntilTheTicketIsGone) {
  RunningCalls calls;
  {
    auto first = calls.begin(7);
    auto second = calls.begin(7);
    auto other = calls.begin(8);
    EXPECT_EQ(calls.running(), 3U);
    EXPECT_EQ(second.running_of_caller(), 2U);
    EXPECT_EQ(other.running_of_caller(), 1U);
    const auto moved = std::move(first);
    EXPECT_EQ(moved.running_of_caller(), 2U);
    EXPECT_EQ(calls.finished(), 0U);
  }
  EXPECT_EQ(calls.running(), 0U);
  EXPECT_EQ(calls.finished(), 3U);
}

}  // namespace
}  // namespace aivault::broker
