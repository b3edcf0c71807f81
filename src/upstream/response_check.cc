#include "upstream/response_check.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "http/message.h"

namespace aivault::upstream {
namespace {

constexpr std::string_view kVersion11 = "HTTP/1.1 ";
constexpr std::string_view kVersion10 = "HTTP/1.0 ";
constexpr std::size_t kMaxLengthDigits = 19;  // Fits 64 bits.

tl::unexpected<Error> refuse(const std::string& what) {
  return fail(ErrorCode::upstream_unreachable,
              "protocol",
              "the upstream's answer is not valid HTTP/1.1: " + what);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLengthDigits && std::ranges::all_of(text, is_digit);
}

bool has_forbidden_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find("\r\n");
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), line.size() + 2));
  return line;
}

Result<void> check_status_line(std::string_view line) {
  if (!line.starts_with(kVersion11) && !line.starts_with(kVersion10)) return refuse("version");
  const auto status = line.substr(kVersion11.size());
  const bool valid = status.size() >= 4 && is_number(status.substr(0, 3)) && status[0] >= '1' &&
                     status[0] <= '5' && status[3] == ' ';
  if (!valid) return refuse("status line");
  return {};
}

// What the headers say about where the message ends.
struct Framing {
  int content_lengths = 0;
  int transfer_encodings = 0;
};

Result<void> check_field(std::string_view line, Framing& framing) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return refuse("header without a colon");
  if (!http::is_token(line.substr(0, colon))) return refuse("header name");
  const auto name = to_lower(line.substr(0, colon));
  const auto value = trim(line.substr(colon + 1));
  if (name == "content-length") {
    if (++framing.content_lengths > 1 || !is_number(value)) return refuse("content-length");
  } else if (name == "transfer-encoding") {
    const bool first = ++framing.transfer_encodings == 1;
    if (!first || !equals_ignore_case(value, "chunked")) return refuse("transfer-encoding");
  }
  return {};
}

}  // namespace

Result<void> check_response_start(std::string_view received) {
  const auto common = std::min(received.size(), std::size_t{5});
  if (received.substr(0, common) != kVersion11.substr(0, common)) return refuse("version");
  for (auto at = received.find('\n'); at != std::string_view::npos;
       at = received.find('\n', at + 1)) {
    if (received[at - 1] != '\r') return refuse("bare line feed");
  }
  return {};
}

Result<void> check_response_head(std::string_view head) {
  if (head.size() > kMaxResponseHead) return refuse("head too large");
  if (!head.ends_with("\r\n\r\n")) return refuse("head without an end");
  auto rest = head;
  const bool old_version = head.starts_with(kVersion10);
  Framing framing;
  const auto status_line = take_line(rest);
  if (has_forbidden_control(status_line)) return refuse("control byte");
  TRY(check_status_line(status_line));
  std::size_t count = 0;
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (line.empty()) break;
    if (has_forbidden_control(line)) return refuse("control byte");
    if (line.front() == ' ' || line.front() == '\t') return refuse("folded header");
    if (++count > kMaxResponseHeaders) return refuse("too many headers");
    TRY(check_field(line, framing));
  }
  if (!rest.empty()) return refuse("head with two ends");
  if (framing.transfer_encodings > 0 && (framing.content_lengths > 0 || old_version)) {
    return refuse("transfer-encoding");
  }
  return {};
}

}  // namespace aivault::upstream
