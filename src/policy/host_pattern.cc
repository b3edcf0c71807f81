#include "policy/host_pattern.h"

#include <string>

namespace aivault::policy {

bool fits_host_pattern(std::string_view pattern, const http::Authority& authority) {
  if (pattern == "{own}") return true;  // Whatever host the operator bound.
  const auto open = pattern.find('{');
  if (open == std::string_view::npos) return http::matches(pattern, authority);
  const auto before = pattern.substr(0, open);
  const auto after = pattern.substr(pattern.rfind('}') + 1);
  const std::string host = authority.text();
  return after.find('.') != std::string_view::npos && host.size() > before.size() + after.size() &&
         host.starts_with(before) && host.ends_with(after);
}

}  // namespace aivault::policy
