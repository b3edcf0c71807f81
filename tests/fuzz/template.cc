// Templates: the placeholders are exactly those that the braces show, in order.
#include "registry/template.h"

#include "base/text.h"
#include "fuzz.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const auto names = registry::placeholders_of(text);
  if (!names) {
    fuzz::must_be_presentable(names.error());
    MUST(text.find("{{") != std::string::npos);
    return 0;
  }
  std::size_t from = 0;
  for (const auto& name : *names) {
    MUST(!name.empty() && trim(name) == name);
    const auto open = text.find("{{", from);
    MUST(open != std::string::npos);
    const auto close = text.find("}}", open + 2);
    MUST(close != std::string::npos);
    MUST(trim(std::string_view(text).substr(open + 2, close - open - 2)) == name);
    from = close + 2;
  }
  MUST(text.find("{{", from) == std::string::npos);
  return 0;
}
