// An upstream's answer: however it is cut, the same body comes out, within what was declared.
#include <algorithm>
#include <span>
#include <vector>

#include "fuzz.h"
#include "http/head.h"
#include "http/message.h"
#include "upstream/response_parser.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

namespace {

struct Read {
  bool head = false, done = false, failed = false;
  upstream::ResponseHead parsed;
  std::string body;
};

Read read(std::string_view head, std::string_view body, std::size_t in, std::size_t out) {
  Read seen;
  upstream::ResponseParser parser(upstream::Asked::with_body);
  auto parsed = parser.parse_head(head);
  if (!parsed) {
    fuzz::must_be_presentable(parsed.error());
    return seen;
  }
  seen.head = true;
  seen.parsed = *std::move(parsed);
  std::vector<std::byte> into(out);
  std::size_t begin = 0;
  std::size_t end = 0;
  while (!parser.done()) {
    const auto step = parser.parse_body(body.substr(begin, end - begin), into);
    if (!step) {
      fuzz::must_be_presentable(step.error());
      seen.failed = true;
      return seen;
    }
    MUST(step->consumed <= end - begin && step->produced <= out);
    begin += step->consumed;
    seen.body.append(reinterpret_cast<const char*>(into.data()), step->produced);
    if (step->consumed != 0 || step->produced != 0) continue;
    if (end == body.size()) break;
    end = std::min(body.size(), end + in);
  }
  seen.done = parser.done();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::text_of(data, size);
  const std::size_t in = 1 + fuzz::take_byte(rest) % 40;
  const std::size_t out = 1 + fuzz::take_byte(rest) % 40;
  const auto end = http::head_size(rest);
  if (end == 0) return 0;
  const auto head = rest.substr(0, end);
  const auto body = rest.substr(end);
  const auto whole = read(head, body, body.size() + 1, 1U << 16U);
  const auto pieces = read(head, body, in, out);
  MUST(whole.head == pieces.head);
  if (!whole.head) return 0;
  MUST(whole.parsed.headers == pieces.parsed.headers &&
       whole.parsed.status == pieces.parsed.status);
  MUST(whole.done == pieces.done && whole.failed == pieces.failed);
  if (!whole.failed) MUST(whole.body == pieces.body);
  MUST(whole.body.size() <= body.size());
  MUST(whole.parsed.status >= 100 && whole.parsed.status <= 599);
  for (const auto& header : whole.parsed.headers) {
    MUST(http::is_token(header.name));
    for (const char c : header.value) MUST(c != '\r' && c != '\n' && c != '\0');
  }
  if (whole.done && whole.parsed.content_length && whole.parsed.body_expected) {
    MUST(whole.body.size() == *whole.parsed.content_length);
  }
  return 0;
}
