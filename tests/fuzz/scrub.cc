// The scrubber: no secret comes out, what holds none is unchanged, and cuts make no difference.
#include "policy/scrub.h"

#include <memory>
#include <vector>

#include "base/encoding.h"
#include "base/secret.h"
#include "base/text.h"
#include "fuzz.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::text_of(data, size);
  const std::size_t step = 1 + fuzz::take_byte(rest) % 64;
  std::vector<std::string> strings;
  for (auto count = fuzz::take_byte(rest) % 3; count > 0; --count) {
    strings.emplace_back(fuzz::take_line(rest).substr(0, 300));
  }
  strings.emplace_back("sk-test-0001");
  std::vector<Secret> secrets;
  for (const auto& text : strings) secrets.push_back(Secret::copy_of(text));
  const auto forms = policy::ScrubForms::of(secrets);

  policy::Scrubber whole(forms);
  std::string expected;
  whole.feed(rest, expected);
  whole.finish(expected);

  policy::Scrubber scrubber(forms);
  std::string out;
  for (std::size_t at = 0; at < rest.size(); at += step) {
    const auto before = out.size();
    scrubber.feed(rest.substr(at, step), out);
    MUST(out.size() >= before);
  }
  scrubber.finish(out);
  MUST(out == expected && scrubber.hits() == whole.hits());

  if (whole.hits() == 0) MUST(out == rest);
  // Between two finds an answer may put together what looks like a secret: look at what it sent.
  std::string_view left = out;
  for (auto mark = left.find("[REDACTED]");; mark = left.find("[REDACTED]")) {
    const auto stretch = left.substr(0, mark);
    for (const auto& text : strings) {
      const auto needle = trim(text);
      const bool has_lines = needle.find_first_of("\r\n") != std::string_view::npos;
      if (needle.size() < 6 || needle.size() > 1024 || has_lines) continue;
      MUST(stretch.find(needle) == std::string_view::npos);
      if (needle.size() < 9) continue;
      MUST(stretch.find(base64(bytes_of(needle))) == std::string_view::npos);
      MUST(stretch.find(hex(bytes_of(needle))) == std::string_view::npos);
    }
    if (mark == std::string_view::npos) break;
    left.remove_prefix(mark + 10);
  }
  return 0;
}
