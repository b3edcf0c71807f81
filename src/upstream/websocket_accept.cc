#include "upstream/websocket_accept.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/text.h"

namespace aivault::upstream {
namespace {

constexpr std::string_view kMagic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kSha1Bytes = 20;

tl::unexpected<Error> refuse(const std::string& what) {
  return fail(ErrorCode::upstream_unreachable,
              "protocol",
              "the upstream's answer is no valid WebSocket handshake: " + what);
}

// The value of a header that stands there once; nullptr: it does not.
const std::string* find_once(const http::Headers& headers, std::string_view name) {
  const auto has_name = [name](const http::Header& header) { return header.name == name; };
  return std::ranges::count_if(headers, has_name) == 1 ? http::find(headers, name) : nullptr;
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + std::string(kMagic);
  std::array<std::byte, kSha1Bytes> digest{};
  unsigned size = 0;
  const int done = EVP_Digest(text.data(),
                              text.size(),
                              reinterpret_cast<unsigned char*>(digest.data()),
                              &size,
                              EVP_sha1(),
                              nullptr);
  if (done != 1) return {};  // No key has an empty answer.
  return base64(digest);
}

Result<std::string> check_accepted(const ResponseHead& head,
                                   std::string_view key,
                                   const std::vector<std::string>& offered) {
  const auto& headers = head.headers;
  const auto* upgrade = find_once(headers, "upgrade");
  if (upgrade == nullptr || !equals_ignore_case(trim(*upgrade), "websocket")) {
    return refuse("upgrade");
  }
  const auto* connection = find_once(headers, "connection");
  const auto names =
      connection != nullptr ? split(*connection, ',') : std::vector<std::string_view>();
  const bool upgrades = std::ranges::any_of(
      names, [](std::string_view name) { return equals_ignore_case(trim(name), "upgrade"); });
  if (!upgrades) return refuse("connection");
  const auto* accept = find_once(headers, "sec-websocket-accept");
  const auto expected = websocket_accept(key);
  if (accept == nullptr || expected.empty() || trim(*accept) != expected) {
    return refuse("sec-websocket-accept");
  }
  if (http::find(headers, "sec-websocket-extensions") != nullptr) {
    return refuse("an extension that nobody offered");
  }
  if (http::find(headers, "sec-websocket-protocol") == nullptr) return std::string();
  const auto* protocol = find_once(headers, "sec-websocket-protocol");
  if (protocol == nullptr || std::ranges::find(offered, trim(*protocol)) == offered.end()) {
    return refuse("a subprotocol that nobody offered");
  }
  return std::string(trim(*protocol));
}

}  // namespace aivault::upstream
