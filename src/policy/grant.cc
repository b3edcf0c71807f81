#include "policy/grant.h"

#include <algorithm>

#include "base/text.h"
#include "registry/registry.h"

namespace aivault::policy {
namespace {

constexpr std::size_t kMaxPattern = 512;  // Bytes.

bool covers(std::string_view pattern, std::string_view id) {
  if (!pattern.ends_with('*')) return pattern == id;
  pattern.remove_suffix(1);
  return id.starts_with(pattern);
}

}  // namespace

bool needs_exact_grant(const registry::Capability& capability) {
  return capability.emits || capability.is_explicit || capability.nested;
}

bool grants(std::span<const std::string> patterns, const registry::Capability& capability) {
  const bool exact = needs_exact_grant(capability);
  return std::ranges::any_of(patterns, [&](std::string_view pattern) {
    return exact ? pattern == capability.id : covers(pattern, capability.id);
  });
}

bool is_within(std::span<const std::string> held, std::string_view wanted) {
  return std::ranges::any_of(held, [&](std::string_view pattern) {
    if (!wanted.ends_with('*')) return covers(pattern, wanted);
    // The '*' is dropped for the comparison of prefixes; only another '*' can hold it.
    return pattern.ends_with('*') && covers(pattern, wanted.substr(0, wanted.size() - 1));
  });
}

Result<std::string> check_pattern(std::string_view text) {
  const auto pattern = trim(text);
  const auto refuse = [&](const char* why) {
    return invalid_request("record_invalid",
                           "pattern '" + quote_for_message(pattern, 64) + "' " + why);
  };
  if (pattern.empty()) return refuse("must not be empty");
  if (pattern.size() > kMaxPattern) return refuse("is too long");
  if (!is_valid_utf8(pattern) || has_control(pattern) || std::ranges::any_of(pattern, is_space)) {
    return refuse("must be UTF-8 without white space and control characters");
  }
  if (pattern.find('*') < pattern.size() - 1) {
    return refuse("must be a capability id, or a prefix and one final '*'");
  }
  const auto* known = registry::find_capability(pattern);
  return std::string(known != nullptr ? known->id.view() : pattern);
}

}  // namespace aivault::policy
