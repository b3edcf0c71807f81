#include "http/head.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "http/field_line.h"
#include "http/header_list.h"
#include "http/host.h"

namespace aivault::http {
namespace {

constexpr std::string_view kVersion = "HTTP/1.1";

auto refuse(int status, std::string message) {
  return tl::unexpected<HeadError>(HeadError{status, std::move(message)});
}

template <typename T>
using Parsed = tl::expected<T, HeadError>;

// The lines of a head, each without its CRLF.
class Lines {
 public:
  explicit Lines(std::string_view head) : rest_(head) {}
  bool empty() const { return rest_.empty(); }

  Parsed<std::string_view> next() {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) return refuse(400, "head without an end");
    if (end == 0 || rest_[end - 1] != '\r') return refuse(400, "bare line feed");
    const auto line = rest_.substr(0, end - 1);
    rest_.remove_prefix(end + 1);
    if (line.find('\r') != std::string_view::npos) return refuse(400, "bare carriage return");
    return line;
  }

 private:
  std::string_view rest_;
};

Parsed<Headers> parse_fields(Lines& lines, std::size_t limit) {
  Headers headers;
  for (;;) {
    TRY_ASSIGN(const auto line, lines.next());
    if (line.empty()) break;
    if (headers.size() == limit) return refuse(431, "too many headers");
    auto header = parse_field_line(line);
    if (!header) return refuse(400, std::move(header).error());
    headers.push_back(*std::move(header));
  }
  if (!lines.empty()) return refuse(400, "head with two ends");
  return headers;
}

std::size_t count(const Headers& headers, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count(headers, name, &Header::name));
}

Parsed<std::uint64_t> parse_length(std::string_view text) {
  std::uint64_t length = 0;
  const auto* begin = text.data();
  const auto* end = begin + text.size();
  const auto [stop, problem] = std::from_chars(begin, end, length);
  if (problem != std::errc() || stop != end) return refuse(400, "invalid content-length");
  return length;
}

struct Body {
  Framing framing = Framing::none;
  std::uint64_t length = 0;
};

// As the headers declare it; none where they say nothing.
Parsed<Body> parse_framing(const Headers& headers) {
  const auto lengths = count(headers, "content-length");
  const auto codings = count(headers, "transfer-encoding");
  if (lengths > 0 && codings > 0) return refuse(400, "content-length with transfer-encoding");
  if (lengths > 1) return refuse(400, "several content-length headers");
  if (lengths == 1) {
    TRY_ASSIGN(const auto length, parse_length(*find(headers, "content-length")));
    return Body{Framing::length, length};
  }
  if (codings == 0) return Body{};
  if (codings > 1 || !equals_ignore_case(*find(headers, "transfer-encoding"), "chunked")) {
    return refuse(501, "the only transfer coding is one 'chunked'");
  }
  return Body{Framing::chunked, 0};
}

bool is_version(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == kVersion.size() && text.starts_with("HTTP/") && is_digit(text[5]) &&
         text[6] == '.' && is_digit(text[7]);
}

tl::expected<void, HeadError> check_target(std::string_view target) {
  if (!target.starts_with('/')) return refuse(400, "the request target must be a path");
  if (target.find('#') != std::string_view::npos) {
    return refuse(400, "the request target must not contain a fragment");
  }
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7F; };
  if (!std::ranges::all_of(target, is_visible)) {
    return refuse(400, "the request target must be percent-encoded");
  }
  return {};
}

tl::expected<void, HeadError> parse_request_line(std::string_view line, RequestHead& head) {
  if (line.size() > kMaxRequestLine) return refuse(431, "request line too long");
  const auto parts = split(line, ' ');
  if (parts.size() != 3 || !is_version(parts[2])) return refuse(400, "malformed request line");
  if (parts[2] != kVersion) return refuse(505, "only HTTP/1.1 is spoken here");
  if (!is_token(parts[0])) return refuse(400, "malformed method");
  if (parts[0] == "CONNECT" || parts[0] == "TRACE") return refuse(405, "method not allowed");
  TRY(check_target(parts[1]));
  head.method = parts[0];
  head.target = parts[1];
  return {};
}

tl::expected<void, HeadError> check_host(const Headers& headers) {
  if (count(headers, "host") != 1) return refuse(400, "exactly one host header is needed");
  if (!parse_authority(*find(headers, "host"))) return refuse(400, "invalid host header");
  return {};
}

tl::expected<void, HeadError> parse_status_line(std::string_view line, ResponseHead& head) {
  const bool shaped = line.size() >= 12 && line.starts_with(kVersion) && line[8] == ' ' &&
                      (line.size() == 12 || line[12] == ' ');
  const auto digits = shaped ? line.substr(9, 3) : std::string_view();
  const auto [stop, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), head.status);
  if (problem != std::errc() || stop != digits.data() + digits.size() || head.status < 100 ||
      head.status > 599) {
    return refuse(400, "malformed status line");
  }
  head.reason = line.substr(std::min(line.size(), std::size_t{13}));
  if (has_control(head.reason)) return refuse(400, "malformed status line");
  return {};
}

}  // namespace

std::size_t head_size(std::string_view received, std::size_t searched) {
  // An end is a line feed with nothing before it in its line: it may have begun three bytes ago.
  const auto is_empty_line = [&](std::size_t feed) {
    if (feed == 0 || received[feed - 1] == '\n') return true;
    return received[feed - 1] == '\r' && (feed == 1 || received[feed - 2] == '\n');
  };
  for (auto feed = received.find('\n', searched); feed != std::string_view::npos;
       feed = received.find('\n', feed + 1)) {
    if (is_empty_line(feed)) return feed + 1;
  }
  return 0;
}

tl::expected<RequestHead, HeadError> parse_request_head(std::string_view head) {
  if (head.size() > kMaxHead) return refuse(431, "request head too large");
  Lines lines(head);
  RequestHead request;
  TRY_ASSIGN(const auto line, lines.next());
  TRY(parse_request_line(line, request));
  TRY_ASSIGN(request.headers, parse_fields(lines, kMaxHeaders));
  TRY(check_host(request.headers));
  TRY_ASSIGN(const auto body, parse_framing(request.headers));
  request.framing = body.framing;
  request.content_length = body.length;
  for (const auto& header : request.headers) {
    if (header.name != "expect") continue;
    if (!equals_ignore_case(header.value, "100-continue"))
      return refuse(417, "unknown expectation");
    request.expects_continue = true;
  }
  request.wants_close = lists(request.headers, "connection", "close");
  request.accepts_trailers = lists(request.headers, "te", "trailers");
  return request;
}

tl::expected<ResponseHead, HeadError> parse_response_head(std::string_view head) {
  if (head.size() > kMaxResponseHead) return refuse(400, "response head too large");
  Lines lines(head);
  ResponseHead response;
  TRY_ASSIGN(const auto line, lines.next());
  TRY(parse_status_line(line, response));
  auto headers = parse_fields(lines, kMaxResponseHeaders);
  if (!headers) return refuse(400, std::move(headers).error().message);
  response.headers = *std::move(headers);
  const auto body = parse_framing(response.headers);
  if (!body) return refuse(400, body.error().message);
  response.wants_close = lists(response.headers, "connection", "close");
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  if (bodiless) return response;
  response.framing = body->framing == Framing::none ? Framing::until_close : body->framing;
  response.content_length = body->length;
  return response;
}

}  // namespace aivault::http
