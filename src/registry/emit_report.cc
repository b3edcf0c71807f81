#include <set>

#include "registry/check.h"
#include "registry/emit.h"

namespace aivault::registry {
namespace {

std::string joined(const Texts& texts, std::string_view separator) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : std::string(separator)) + text.text;
  return out;
}

}  // namespace

std::string print_report(const ProviderFile& file) {
  std::string out = file.id.text + ": " + file.name.text + "\n";
  for (const auto& slot : file.slots) {
    out += "  host " + slot.name.text + ": " + joined(slot.hosts, ", ") + "\n";
  }
  for (const auto& kind : file.kinds) {
    for (const auto& secret : kind.secrets) {
      out += "  secret " + secret.name.text + " (" + kind.name.text + ")\n";
    }
  }
  for (const auto& capability : file.capabilities) {
    out += "  " + capability.id.text + ": " +
           std::string(to_string(capability.declared.value_or(CallClass::destructive))) + "\n";
    for (const auto& rule : capability.allow) {
      for (const auto& path : rule.paths) {
        out += "    " + joined(rule.methods, " ") + " " + path.text + "\n";
      }
    }
    if (!capability.overlaps.empty()) {
      out += "    overlaps " + joined(capability.overlaps, ", ") + "\n";
    }
  }
  std::set<std::string> names;
  for (const auto& kind : file.kinds) {
    for (const auto& secret : kind.secrets) names.insert(secret.name.text);
  }
  for (const auto& name : names) out += "  aivault secrets create --name " + name + "\n";
  return out;
}

}  // namespace aivault::registry
