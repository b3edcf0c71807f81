// The envelope of a call: what is accepted is complete, bounded and read the same way again.
#include "protocol/envelope.h"

#include "base/text.h"
#include "fuzz.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.
using protocol::Completion;
using protocol::parse_envelope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = fuzz::text_of(data, size);
  const auto strict = parse_envelope(json, Completion::refuse_missing);
  const auto lenient = parse_envelope(json, Completion::allow_missing);
  if (!strict) fuzz::must_be_presentable(strict.error());
  if (!lenient) {
    MUST(!strict);
    fuzz::must_be_presentable(lenient.error());
    return 0;
  }
  MUST(!trim(lenient->capability).empty());
  MUST(is_valid_utf8(json));
  MUST(lenient->headers.size() <= 100);
  if (lenient->credential) MUST(!trim(*lenient->credential).empty());
  MUST(!parse_envelope(std::string(json) + "x", Completion::allow_missing));
  MUST(parse_envelope(" " + std::string(json) + "\n", Completion::allow_missing));
  if (strict) {
    MUST(strict->method && !trim(*strict->method).empty());
    MUST(strict->path && !trim(*strict->path).empty());
    MUST(strict->capability == lenient->capability && strict->headers == lenient->headers);
    MUST(strict->announced_bytes() == lenient->announced_bytes());
  }
  return 0;
}
