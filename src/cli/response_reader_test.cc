#include "cli/response_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

namespace aivault::cli {
namespace {

constexpr std::chrono::seconds kLimit{5};

// What a client reads from a daemon that sends these bytes and hangs up: the body and the value of
// the trailer, or the reason of the error.
std::string read_all(std::string_view bytes) {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  Connection connection{platform::Descriptor(ends[0])};
  {
    const platform::Descriptor daemon(ends[1]);
    EXPECT_EQ(write(daemon.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  ResponseReader reader(connection);
  std::string body;
  bool have_head = false;
  while (true) {
    if (!have_head) {
      const auto ready = reader.read_head();
      if (!ready) return ready.error().reason;
      have_head = *ready;
    }
    if (have_head) {
      const auto piece = reader.next_piece();
      if (!piece) return piece.error().reason;
      if (piece->is_end) break;
      body += piece->data;
      if (!piece->needs_more) continue;
    }
    const auto more = connection.receive(kLimit);
    if (!more) return more.error().reason;
    if (*more) continue;
    if (const auto end = reader.end_of_input(); !end) return end.error().reason;
    break;
  }
  const auto* outcome = http::find(reader.trailers(), "x-aivault-outcome");
  return body + (outcome != nullptr ? " [" + *outcome + "]" : "");
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";

TEST(ResponseReader, ReadsEveryFraming) {
  EXPECT_EQ(read_all(kOk + "content-length: 3\r\n\r\nabc"), "abc");
  EXPECT_EQ(read_all(kOk + "content-length: 0\r\n\r\n"), "");
  EXPECT_EQ(read_all(kOk + "\r\nabc"), "abc");
  EXPECT_EQ(read_all("HTTP/1.1 204 No Content\r\n\r\n"), "");
  EXPECT_EQ(read_all("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + kOk +
                     "content-length: 1\r\n\r\na"),
            "a");
  EXPECT_EQ(read_all(kOk + "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n"
                           "x-aivault-outcome: ok\r\n\r\n"),
            "abc [ok]");
}

TEST(ResponseReader, TellsALostConnectionFromAnInvalidAnswer) {
  for (const std::string& bytes : {std::string(),
                                   std::string("HTTP/1.1 200"),
                                   kOk + "content-length: 4\r\n\r\nabc",
                                   kOk + "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
                                   kOk + "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"}) {
    EXPECT_EQ(read_all(bytes), kConnectionLost) << bytes;
  }
  for (const std::string& bytes : {std::string("SSH-2.0-x\r\n\r\n"),
                                   kOk + "content-length: x\r\n\r\n",
                                   kOk + "transfer-encoding: chunked\r\n\r\nzz\r\n",
                                   std::string(100'000, 'x')}) {
    EXPECT_EQ(read_all(bytes), kInvalidResponse) << bytes.substr(0, 100);
  }
}

}  // namespace
}  // namespace aivault::cli
