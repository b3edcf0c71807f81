// The blocklist: cuts make no difference, what holds nothing listed is unchanged, and no listed
// text comes out.
#include "policy/blocklist.h"

#include <memory>
#include <string>
#include <vector>

#include "fuzz.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

namespace {

constexpr std::string_view kTypes[] = {
    "", "application/json", "text/plain", "text/event-stream", "application/x-ndjson", "image/png"};

struct Outcome {
  std::string out;
  std::uint64_t hits = 0;
  bool errors = false;
};

Outcome run(const std::shared_ptr<const policy::BlocklistRules>& rules,
            std::string_view type,
            std::string_view body,
            std::size_t step) {
  policy::Blocklist blocklist(rules, type);
  Outcome outcome;
  for (std::size_t at = 0; at < body.size(); at += step) {
    blocklist.feed(body.substr(at, step), outcome.out);
  }
  blocklist.finish(outcome.out);
  outcome.hits = blocklist.hits();
  outcome.errors = blocklist.has_errors();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::text_of(data, size);
  const std::size_t step = 1 + fuzz::take_byte(rest) % 64;
  const auto type = kTypes[fuzz::take_byte(rest) % std::size(kTypes)];
  std::vector<std::string> entries = {"literal:forbidden", "field:password"};
  for (auto count = fuzz::take_byte(rest) % 3; count > 0; --count) {
    entries.emplace_back(fuzz::take_line(rest).substr(0, 200));
  }
  const auto rules = std::make_shared<const policy::BlocklistRules>(entries);
  const auto whole = run(rules, type, rest, rest.size() + 1);
  const auto pieces = run(rules, type, rest, step);
  MUST(whole.out == pieces.out);
  MUST(whole.hits == pieces.hits && whole.errors == pieces.errors);
  if (whole.hits == 0) MUST(whole.out == rest);
  // What takes the place of something may complete a listed text with its neighbours: look
  // between the marks.
  constexpr std::string_view kMark = "[REDACTED]";
  std::string_view left = whole.out;
  for (;;) {
    const auto mark = left.find(kMark);
    MUST(left.substr(0, mark).find("forbidden") == std::string_view::npos);
    if (mark == std::string_view::npos) break;
    left.remove_prefix(mark + kMark.size());
  }
  return 0;
}
