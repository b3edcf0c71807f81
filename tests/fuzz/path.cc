// A path against a prefix: what is allowed stays inside for whoever decodes it, and is sent as it
// was judged.
#include "base/text.h"
#include "fuzz.h"
#include "policy/decide.h"
#include "registry/registry.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

namespace {

constexpr std::string_view kPrefix = "/v1/foo";

std::string decoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digits = to_lower(text.substr(i + (i < text.size() ? 1 : 0), 2));
    const bool escape = text[i] == '%' && digits.size() == 2 &&
                        kDigits.find(digits[0]) != std::string_view::npos &&
                        kDigits.find(digits[1]) != std::string_view::npos;
    if (escape) {
      out += static_cast<char>(kDigits.find(digits[0]) << 4U | kDigits.find(digits[1]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void must_not_climb(std::string_view path) {
  MUST(path.find('\\') == std::string_view::npos);
  MUST(!has_control(path));
  for (auto segment : split(path, '/')) {
    segment = segment.substr(0, segment.find_first_of(";?#"));
    while (segment.ends_with(' ')) segment.remove_suffix(1);
    MUST(segment != "." && segment != "..");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<registry::TextView> methods{"GET"}, paths{kPrefix}, hosts{"api.test"};
  static const std::vector<registry::Rule> rules{{methods, paths}};
  registry::Capability capability;
  capability.id = "custom/things";
  capability.provider = "custom";
  capability.form = registry::PathForm::prefix;
  capability.hosts = hosts;
  capability.allow = rules;
  policy::CredentialPolicy credential;
  credential.hosts = {"api.test"};
  credential.auth = registry::HeaderAuth{};
  policy::CallRequest call;
  call.method = "GET";
  call.path = fuzz::text_of(data, size);
  const auto approved = policy::decide(capability, credential, call);
  if (!approved) {
    fuzz::must_be_presentable(approved.error());
    return 0;
  }
  const auto& path = approved->target().path();
  MUST(path.starts_with(kPrefix) && (path.size() == kPrefix.size() || path[kPrefix.size()] == '/'));
  const auto wire = approved->target().wire();
  MUST(fuzz::is_visible(wire) && wire.find('#') == std::string::npos && wire != path + "?");
  std::string form = path;
  for (int decodings = 0; decodings <= 4; ++decodings) {
    must_not_climb(form);
    MUST(form.starts_with(kPrefix));
    form = decoded(form);
  }
  call.path = wire;
  const auto again = policy::decide(capability, credential, call);
  MUST(again && again->target().wire() == wire);
  return 0;
}
