// PathTemplate: the two fixed parts of a path auth template around its {{secret}}.
// Thread: any.
#pragma once

#include <optional>
#include <string_view>

namespace aivault::policy {

struct PathTemplate {
  std::string_view before, after;  // Views into the template; `after` without trailing slashes.
};

// nullopt: no placeholder, or more than one.
inline std::optional<PathTemplate> parse_path_template(std::string_view text) {
  constexpr std::string_view kPlaceholder = "{{secret}}";
  const auto at = text.find(kPlaceholder);
  if (at == std::string_view::npos) return std::nullopt;
  PathTemplate parts{text.substr(0, at), text.substr(at + kPlaceholder.size())};
  if (parts.after.find(kPlaceholder) != std::string_view::npos) return std::nullopt;
  while (parts.after.ends_with('/')) parts.after.remove_suffix(1);
  return parts;
}

}  // namespace aivault::policy
