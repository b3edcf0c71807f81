// Content codings: any bytes end within the limits, and cuts make no difference.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "fuzz.h"
#include "http/message.h"
#include "upstream/content_decoder.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

namespace {

constexpr std::string_view kCodings[] = {
    "gzip", "deflate", "br", "zstd", "gzip, br", "zstd, deflate", "x-gzip", "compress"};
constexpr std::size_t kMost = 1U << 20U;  // Of output; a property does not need more.

struct Outcome {
  std::string out;
  std::string failure;  // Its reason; empty: none.
  bool cut = false;     // We stopped, not it.
};

Outcome run(std::string_view coding, std::string_view body, std::size_t in, std::size_t out) {
  Outcome outcome;
  const http::Headers headers = {{"content-encoding", std::string(coding)}};
  const auto decoder = upstream::ContentDecoder::of(headers);
  if (!decoder) {
    fuzz::must_be_presentable(decoder.error());
    outcome.failure = decoder.error().reason;
    return outcome;
  }
  MUST(*decoder != nullptr);
  std::vector<std::byte> into(out);
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    const auto step = (*decoder)->decode(body.substr(begin, end - begin), into);
    if (!step) {
      fuzz::must_be_presentable(step.error());
      outcome.failure = step.error().reason;
      return outcome;
    }
    MUST(step->consumed <= end - begin && step->produced <= out);
    begin += step->consumed;
    outcome.out.append(reinterpret_cast<const char*>(into.data()), step->produced);
    if (outcome.out.size() > kMost) {
      outcome.cut = true;
      return outcome;
    }
    if (step->consumed != 0 || step->produced != 0) continue;
    if (end == body.size()) break;
    end = std::min(body.size(), end + in);
  }
  if (const auto finished = (*decoder)->finish(); !finished) {
    fuzz::must_be_presentable(finished.error());
    outcome.failure = finished.error().reason;
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::text_of(data, size);
  const auto coding = kCodings[fuzz::take_byte(rest) % std::size(kCodings)];
  const std::size_t in = 1 + fuzz::take_byte(rest) % 64;
  const std::size_t out = 1 + fuzz::take_byte(rest);
  const auto whole = run(coding, rest, rest.size() + 1, 1U << 16U);
  const auto pieces = run(coding, rest, in, out);
  if (whole.cut || pieces.cut) return 0;
  MUST(whole.failure.empty() == pieces.failure.empty());
  if (whole.failure.empty()) MUST(whole.out == pieces.out);
  // What was given before it failed is the beginning of the same text.
  const auto shared = std::min(whole.out.size(), pieces.out.size());
  MUST(whole.out.compare(0, shared, pieces.out, 0, shared) == 0);
  return 0;
}
