// Head: strict HTTP/1.1 request and response heads, for the sockets on which aivault and aivaultd
// speak to callers. What two parsers could read differently is refused, never repaired:
// bare CR or LF, folded lines, white space before the colon, NUL, several Host or Content-Length,
// Content-Length with Transfer-Encoding, a coding other than one "chunked", HTTP/1.0.
// Thread: any. Source: RFC 9112. Errors: invalid_request http_syntax; `status` in HeadError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace aivault::http {

constexpr std::size_t kMaxHead = std::size_t{64} << 10U;         // Bytes of a request head.
constexpr std::size_t kMaxRequestLine = std::size_t{48} << 10U;  // Bytes.
constexpr std::size_t kMaxHeaders = 100;
// Answers carry the upstream's headers and those of aivaultd.
constexpr std::size_t kMaxResponseHead = std::size_t{128} << 10U;
constexpr std::size_t kMaxResponseHeaders = 200;

enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct RequestHead {
  std::string method;
  std::string target;  // Origin form, visible ASCII, not decoded.
  Headers headers;     // Names in lower case, in order, repeats kept.
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool expects_continue = false;
  bool wants_close = false;       // connection: close
  bool accepts_trailers = false;  // te: trailers
};

struct ResponseHead {
  int status = 0;
  std::string reason;
  Headers headers;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool wants_close = false;
};

struct HeadError {
  int status;  // 400, 405, 417, 431, 501, 505; of a response always 400.
  std::string message;
};

// Bytes up to and including the empty line; 0 while incomplete. An end that is no CRLF CRLF is
// found as well, so that parsing refuses it at once. `searched`: bytes that were there in an
// earlier call, which found no end among them.
std::size_t head_size(std::string_view received, std::size_t searched = 0);

tl::expected<RequestHead, HeadError> parse_request_head(std::string_view head);
// For answers of aivaultd, read by aivault. Framing is that of an answer to a request other than
// HEAD.
tl::expected<ResponseHead, HeadError> parse_response_head(std::string_view head);

}  // namespace aivault::http
