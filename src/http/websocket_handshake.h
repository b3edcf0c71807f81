// websocket_handshake: the client's half of the opening handshake, judged; an extension that it
// offers is never taken up.
// Thread: any; pure. Source: RFC 6455 4.2.1 and 4.4. Errors: HeadError 400 | 426.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/head.h"

namespace aivault::http::websocket {

inline constexpr std::string_view kVersion = "13";

struct Opening {
  std::string key;  // As sent: 16 bytes in Base64.
};

bool asks_to_open(const RequestHead& head);  // It wants a WebSocket, rightly or not.
tl::expected<Opening, HeadError> parse_opening(const RequestHead& head);
// The subprotocols that are offered, in order; they may hold a token of ours. nullopt: they are
// none.
std::optional<std::vector<std::string_view>> protocols_of(const Headers& headers);
// The same rules for a list that came another way: tokens, each once, at most 32 of 256 bytes.
bool are_protocols(std::span<const std::string_view> protocols);

}  // namespace aivault::http::websocket
