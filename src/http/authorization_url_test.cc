#include "http/authorization_url.h"

#include <gtest/gtest.h>

namespace aivault::http {
namespace {

AuthorizationUrl example(std::string endpoint) {
  return {.endpoint = std::move(endpoint),
          .client_id = "x",
          .redirect_uri = "http://127.0.0.1/cb",
          .scopes = {"a", "b"},
          .state = "s"};
}

TEST(AuthorizationUrl, NamesItsParametersInOrderAndEncodesThem) {
  EXPECT_EQ(to_string(example("https://a.test/auth")),
            "https://a.test/auth?response_type=code&client_id=x"
            "&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&scope=a%20b&state=s");
}

TEST(AuthorizationUrl, LeavesOutWhatIsBlank) {
  auto url = example("https://a.test/auth");
  url.scopes = {" ", ""};
  url.state = " ";
  EXPECT_EQ(to_string(url),
            "https://a.test/auth?response_type=code&client_id=x"
            "&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb");
}

TEST(AuthorizationUrl, JoinsAQueryThatIsThere) {
  struct Row {
    const char* endpoint;
    const char* beginning;
  };
  for (const auto& row : {Row{"https://a.test/auth?p=1", "https://a.test/auth?p=1&response_type="},
                          Row{"https://a.test/auth?", "https://a.test/auth?response_type="},
                          Row{"https://a.test/a?p=1&", "https://a.test/a?p=1&response_type="}}) {
    EXPECT_TRUE(to_string(example(row.endpoint)).starts_with(row.beginning)) << row.endpoint;
  }
}

TEST(AuthorizationUrl, EncodesEveryByteThatCouldEndAValue) {
  auto url = example("https://a.test/auth");
  url.client_id = "a&b=c#d e\r\n\xc3\xa9%~";
  url.more = {{"code_challenge_method", "S256"}, {"x y", "&"}};
  const auto text = to_string(url);
  EXPECT_NE(text.find("client_id=a%26b%3Dc%23d%20e%0D%0A%C3%A9%25~&"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("&code_challenge_method=S256&x%20y=%26")) << text;
}

}  // namespace
}  // namespace aivault::http
