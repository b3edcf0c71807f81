#include "registry/template.h"

#include "base/text.h"

namespace aivault::registry {

Result<std::vector<std::string>> placeholders_of(std::string_view text) {
  std::vector<std::string> found;
  for (auto open = text.find("{{"); open != std::string_view::npos; open = text.find("{{")) {
    text.remove_prefix(open + 2);
    const auto close = text.find("}}");
    if (close == std::string_view::npos) {
      return policy_violation("auth_config", "invalid template (missing '}}')");
    }
    const auto name = trim(text.substr(0, close));
    if (name.empty()) {
      return policy_violation("auth_config", "invalid template (empty placeholder)");
    }
    found.emplace_back(name);
    text.remove_prefix(close + 2);
  }
  return found;
}

}  // namespace aivault::registry
