#include "format1/target.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/text.h"
#include "registry/registry.h"

namespace aivault::format1 {
namespace {

std::string allowed_id(Run& run,
                       std::string_view what,
                       std::string_view raw,
                       std::string_view forbidden) {
  std::string id;
  for (const char c : raw) {
    const std::string_view one(&c, 1);
    const bool refused =
        is_space(c) || has_control(one) || forbidden.find(c) != std::string_view::npos;
    id += refused ? '_' + hex(bytes_of(one)) : std::string(one);
  }
  if (id != raw) {
    auto text =
        "The " + std::string(what) + " '" + quote_for_message(raw, 128) + "' is '" + id + "' now";
    auto& notices = run.report.notices;
    if (std::ranges::find(notices, text) == notices.end()) notices.push_back(std::move(text));
  }
  return id;
}

}  // namespace

std::string credential_id_of(Run& run, std::string_view raw) {
  return allowed_id(run, "credential", raw, "/?#%");
}

std::string capability_id_of(Run& run, std::string_view raw) {
  return allowed_id(run, "capability", raw, "*");
}

Result<std::optional<std::string>> find_target(Run& run, std::string_view capability) {
  if (const auto* known = registry::find_capability(capability)) {
    return std::optional(std::string(known->id));
  }
  auto id = capability_id_of(run, capability);
  TRY_ASSIGN(const auto own, run.change.capability(id));
  if (!own) return std::optional<std::string>();
  return std::optional(std::move(id));
}

}  // namespace aivault::format1
