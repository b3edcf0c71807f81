#include "http/websocket_handshake.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/text.h"
#include "http/header_list.h"

namespace aivault::http::websocket {
namespace {

constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kMaxProtocols = 32;
constexpr std::size_t kMaxProtocol = 256;

// The value of a header that stands there once; nullptr: it does not.
const std::string* find_once(const Headers& headers, std::string_view name) {
  return std::ranges::count(headers, name, &Header::name) == 1 ? find(headers, name) : nullptr;
}

bool is_key(std::string_view text) {
  const auto bytes = from_base64(text);
  return bytes && bytes->size() == kKeyBytes;
}

}  // namespace

bool asks_to_open(const RequestHead& head) { return lists(head.headers, "upgrade", "websocket"); }

bool are_protocols(std::span<const std::string_view> protocols) {
  if (protocols.size() > kMaxProtocols) return false;
  for (const auto protocol : protocols) {
    const bool valid = is_token(protocol) && protocol.size() <= kMaxProtocol &&
                       std::ranges::count(protocols, protocol) == 1;
    if (!valid) return false;
  }
  return true;
}

std::optional<std::vector<std::string_view>> protocols_of(const Headers& headers) {
  std::vector<std::string_view> protocols;
  for (const auto& header : headers) {
    if (header.name != "sec-websocket-protocol") continue;
    for (const auto item : split(header.value, ',')) protocols.push_back(trim(item));
  }
  if (!are_protocols(protocols)) return std::nullopt;
  return protocols;
}

tl::expected<Opening, HeadError> parse_opening(const RequestHead& head) {
  constexpr int kBadRequest = 400;
  constexpr int kUpgradeRequired = 426;
  const auto refuse = [](std::string message, int status = kBadRequest) {
    return tl::unexpected(HeadError{status, "WebSocket handshake: " + std::move(message)});
  };
  const auto& headers = head.headers;
  if (head.method != "GET") return refuse("the method must be GET");
  if (head.framing != Framing::none) return refuse("a body is not allowed");
  if (!lists(headers, "connection", "upgrade")) return refuse("connection: upgrade is missing");
  const auto* version = find_once(headers, "sec-websocket-version");
  if (version == nullptr) return refuse("exactly one sec-websocket-version is needed");
  if (trim(*version) != kVersion) return refuse("only version 13 is spoken", kUpgradeRequired);
  const auto* key = find_once(headers, "sec-websocket-key");
  if (key == nullptr || !is_key(trim(*key))) {
    return refuse("exactly one sec-websocket-key of 16 bytes is needed");
  }
  if (!protocols_of(headers)) return refuse("malformed sec-websocket-protocol");
  return Opening{std::string(trim(*key))};
}

}  // namespace aivault::http::websocket
