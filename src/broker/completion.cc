#include "broker/completion.h"

#include <algorithm>
#include <ranges>
#include <string>

#include "registry/registry.h"

namespace aivault::broker {
namespace {

std::string joined(const auto& texts) {
  std::string all;
  for (const auto& text : texts) {
    if (!all.empty()) all += ", ";
    all += text;
  }
  return all;
}

// The one path a caller can mean; empty if there is none.
std::string only_path(const registry::Capability& capability) {
  if (capability.form == registry::PathForm::pattern) return registry::default_path_of(capability);
  const auto prefixes = registry::prefixes_of(capability);
  return prefixes.size() == 1 ? prefixes.front() : std::string();
}

}  // namespace

Result<void> complete(const registry::Capability& capability, protocol::Envelope& envelope) {
  if (!envelope.method) {
    const auto methods = registry::methods_of(capability);
    if (methods.size() != 1) {
      return invalid_request(
          "field_required",
          "--method is required because capability allows multiple methods: " + joined(methods));
    }
    envelope.method = std::string(methods.front());
  }
  if (!envelope.path) {
    envelope.path = only_path(capability);
    if (envelope.path->empty()) {
      return invalid_request(
          "field_required",
          "--path is required because capability allows multiple path prefixes: " +
              joined(registry::prefixes_of(capability)));
    }
  }
  return {};
}

}  // namespace aivault::broker
