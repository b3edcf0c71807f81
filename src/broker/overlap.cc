#include "broker/overlap.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "http/percent.h"
#include "policy/host_pattern.h"
#include "registry/pattern.h"
#include "registry/registry.h"

namespace aivault::broker {
namespace {

constexpr int kDecodings = 4;  // A path that still changes after as many is refused elsewhere.

// As servers that decode, fold case, drop parameters and merge slashes would read it.
std::string widest_reading(std::string_view path) {
  std::string decoded(path);
  for (int i = 0; i < kDecodings; ++i) decoded = http::percent_decode(decoded);
  std::string reading;
  bool in_parameter = false;
  for (const char c : to_lower(decoded)) {
    if (c == '/') in_parameter = false;
    if (c == ';') in_parameter = true;
    const bool repeated = c == '/' && reading.ends_with('/');
    if (!in_parameter && !repeated) reading += c;
  }
  return reading;
}

bool reaches_prefix(const registry::Rule& rule, std::string_view path) {
  const auto wide = widest_reading(path);
  return std::ranges::any_of(rule.paths, [&](std::string_view prefix) {
    return registry::matches_prefix(prefix, path) ||
           registry::matches_prefix(to_lower(prefix), wide);
  });
}

bool reaches_pattern(const registry::Rule& rule, std::string_view path) {
  const registry::WidePath wide(path);
  return std::ranges::any_of(rule.paths,
                             [&](std::string_view pattern) { return wide.matches(pattern); });
}

}  // namespace

bool covers(const registry::Capability& capability, const Reach& reach) {
  const auto is_host = [&](std::string_view host) {
    return policy::fits_host_pattern(host, reach.authority);
  };
  if (!std::ranges::any_of(capability.hosts, is_host)) return false;
  const auto reaches =
      capability.form == registry::PathForm::pattern ? reaches_pattern : reaches_prefix;
  const auto applies = [&](const registry::Rule& rule) {
    const auto is_method = [&](std::string_view listed) {
      // An upgrade is a GET on the wire: what is said of either holds for it.
      return equals_ignore_case(listed, reach.method) ||
             (reach.method == "WS" && equals_ignore_case(listed, "GET"));
    };
    return std::ranges::any_of(rule.methods, is_method) && reaches(rule, reach.path);
  };
  return std::ranges::any_of(capability.allow, applies) &&
         !registry::is_excluded(capability, reach.path);
}

}  // namespace aivault::broker
