#include "cli/redirect_receiver.h"

#include <gtest/gtest.h>

namespace aivault::cli {
namespace {

constexpr std::uint16_t kPort = 8123;

std::string get(const std::string& target, const std::string& host = "127.0.0.1:8123") {
  return "GET " + target + " HTTP/1.1\r\nhost: " + host + "\r\n\r\n";
}

TEST(RedirectReceiver, ReadsCodeAndState) {
  const auto query =
      read_redirect(get("/callback?code=a%2Fb+c&state=s%2D1&x=y&iss=https%3A%2F%2Fi"), kPort);
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->code == Secret::copy_of("a/b c"));
  EXPECT_EQ(query->state, "s-1");
  EXPECT_EQ(query->iss, "https://i");
  EXPECT_EQ(query->error, "");
  EXPECT_TRUE(read_redirect(get("/callback?error=access_denied&state=s", "localhost:8123"), kPort));
}

TEST(RedirectReceiver, TakesNothingElseForARedirect) {
  for (const auto& head :
       {get("/callback"),
        get("/callback?"),
        get("/callback?code=c"),
        get("/callback?state=s"),
        get("/callback?code=&state=s"),
        get("/callback?code=a&code=b&state=s"),
        get("/callback?code=a&state=s&state=t"),
        get("/other?code=a&state=s"),
        get("/callback/?code=a&state=s"),
        get("/callback?code=a&state=s", "evil.test:8123"),
        get("/callback?code=a&state=s", "127.0.0.1:8124"),
        std::string("POST /callback?code=a&state=s HTTP/1.1\r\nhost: 127.0.0.1:8123\r\n\r\n"),
        std::string("GET /callback?code=a&state=s HTTP/1.1\r\n\r\n"),
        std::string("GET /callback?code=a&state=s\r\n\r\n")}) {
    EXPECT_FALSE(read_redirect(head, kPort)) << head;
  }
}

}  // namespace
}  // namespace aivault::cli
