// A query: what is sent says the same as what was written, and imitates no parameter of the broker.
#include "base/text.h"
#include "fuzz.h"
#include "http/target.h"
#include "policy/decide.h"
#include "registry/registry.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

namespace {

void must_read_the_same(const http::Target& first, const http::Target& second) {
  MUST(first.wire() == second.wire());
  MUST(first.query().size() == second.query().size());
  for (std::size_t i = 0; i < first.query().size(); ++i) {
    MUST(first.query()[i].name == second.query()[i].name);
    MUST(first.query()[i].value == second.query()[i].value);
  }
}

void must_not_imitate(const std::string& raw) {
  static const std::vector<registry::TextView> methods{"GET"}, paths{"/"}, hosts{"api.test"};
  static const std::vector<registry::Rule> rules{{methods, paths}};
  registry::Capability capability;
  capability.id = "custom/things";
  capability.provider = "custom";
  capability.form = registry::PathForm::prefix;
  capability.hosts = hosts;
  capability.allow = rules;
  policy::CredentialPolicy credential;
  credential.hosts = {"api.test"};
  credential.auth = registry::QueryAuth{};
  policy::CallRequest call;
  call.method = "GET";
  call.path = raw;
  const auto approved = policy::decide(capability, credential, call);
  if (!approved) return;
  for (const auto& piece : approved->target().query()) {
    MUST(to_lower(trim(piece.name)) != "api_key");
    MUST(http::fold_parameter_name(piece.name) != "api_key");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto raw = "/?" + std::string(fuzz::text_of(data, size));
  const auto target = http::parse_target(raw);
  if (!target) {
    fuzz::must_be_presentable(target.error());
    return 0;
  }
  const auto wire = target->wire();
  MUST(fuzz::is_visible(wire) && wire.find('#') == std::string::npos && wire != "/?");
  MUST(target->path() == "/");
  for (const auto& piece : target->query()) {
    MUST(!piece.wire.empty() && piece.wire.find('&') == std::string::npos);
    MUST(is_valid_utf8(piece.name) && is_valid_utf8(piece.value));
  }
  const auto again = http::parse_target(wire);
  MUST(again);
  must_read_the_same(*target, *again);
  must_not_imitate(raw);
  return 0;
}
