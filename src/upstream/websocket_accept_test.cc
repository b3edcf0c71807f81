#include "upstream/websocket_accept.h"

#include <gtest/gtest.h>

namespace aivault::upstream {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 1.3.
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

http::Headers good() {
  return {{"upgrade", "WebSocket"},
          {"connection", "keep-alive, Upgrade"},
          {"sec-websocket-accept", std::string(kAccept)}};
}

std::string verdict(const http::Headers& headers) {
  ResponseHead head;
  head.status = 101;
  head.headers = headers;
  const auto protocol = check_accepted(head, kKey, {"chat", "v2"});
  return protocol ? "ok " + *protocol : protocol.error().reason;
}

TEST(WebsocketAccept, AnswersTheKeyOfTheStandard) { EXPECT_EQ(websocket_accept(kKey), kAccept); }

TEST(CheckAccepted, TakesWhatWasOffered) {
  EXPECT_EQ(verdict(good()), "ok ");
  auto chosen = good();
  chosen.push_back({"sec-websocket-protocol", "v2"});
  EXPECT_EQ(verdict(chosen), "ok v2");
}

TEST(CheckAccepted, RefusesEverythingElse) {
  struct Row {
    std::string_view name, value;  // Empty: without it.
  };
  for (const auto& [name, value] : {Row{"upgrade", ""},
                                    {"upgrade", "h2c"},
                                    {"connection", ""},
                                    {"connection", "close"},
                                    {"sec-websocket-accept", ""},
                                    {"sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="},
                                    {"sec-websocket-extensions", "permessage-deflate"},
                                    {"sec-websocket-protocol", "other"},
                                    {"sec-websocket-protocol", "Chat"},
                                    {"sec-websocket-protocol", "chat, v2"}}) {
    auto headers = good();
    std::erase_if(headers, [&](const http::Header& header) { return header.name == name; });
    if (!value.empty()) headers.push_back({std::string(name), std::string(value)});
    EXPECT_EQ(verdict(headers), "protocol") << name << ": " << value;
  }
  for (const auto& repeated : good()) {
    auto headers = good();
    headers.push_back(repeated);
    EXPECT_EQ(verdict(headers), "protocol") << repeated.name << " twice";
  }
}

}  // namespace
}  // namespace aivault::upstream
