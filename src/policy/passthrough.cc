#include "policy/passthrough.h"

#include <algorithm>
#include <array>
#include <compare>
#include <optional>
#include <utility>

#include "base/text.h"
#include "http/target.h"
#include "policy/managed_parameters.h"
#include "registry/pattern.h"
#include "registry/registry.h"

namespace aivault::policy {
namespace {

using registry::Capability;

struct Specificity {
  std::size_t literal_segments = 0, length = 0;
  auto operator<=>(const Specificity&) const = default;
};

struct Match {
  const Capability* capability;
  Specificity specificity;
};

Specificity specificity_of(std::string_view pattern, registry::PathForm form) {
  Specificity result;
  result.length = pattern.size();
  for (const auto segment : split(pattern, '/')) {
    const bool is_open =
        form == registry::PathForm::pattern && (segment.starts_with('{') || segment.ends_with('*'));
    if (!segment.empty() && !is_open) ++result.literal_segments;
  }
  return result;
}

bool lists(const registry::Rule& rule, std::string_view method) {
  return std::ranges::any_of(
      rule.methods, [&](std::string_view listed) { return equals_ignore_case(listed, method); });
}

// Of its most specific pattern that fits.
std::optional<Specificity> fit_of(const Capability& capability,
                                  std::string_view method,
                                  std::string_view path) {
  // The upgrade of a GET.
  const bool upgrades = capability.websocket && equals_ignore_case(method, "WS");
  if (!registry::allows(capability, method, path)) return std::nullopt;
  if (registry::is_excluded(capability, path)) return std::nullopt;
  const auto fits = capability.form == registry::PathForm::pattern ? registry::matches_exactly
                                                                   : registry::matches_prefix;
  Specificity best;
  for (const auto& rule : capability.allow) {
    if (!lists(rule, method) && !(upgrades && lists(rule, "GET"))) continue;
    for (const auto pattern : rule.paths) {
      if (fits(pattern, path)) best = std::max(best, specificity_of(pattern, capability.form));
    }
  }
  return best;
}

// Fields of one value by their definition (RFC 9110, RFC 6454).
bool is_single(std::string_view name) {
  constexpr auto kSingle = std::to_array<std::string_view>({"content-type",
                                                            "content-encoding",
                                                            "content-range",
                                                            "range",
                                                            "user-agent",
                                                            "date",
                                                            "origin",
                                                            "referer"});
  return std::ranges::find(kSingle, name) != kSingle.end() || name.starts_with("if-");
}

}  // namespace

std::vector<const Capability*> matching_capabilities(std::span<const Capability* const> offered,
                                                     std::string_view method,
                                                     std::string_view path) {
  std::vector<Match> matches;
  for (const auto* capability : offered) {
    if (const auto fit = fit_of(*capability, method, path)) matches.push_back({capability, *fit});
  }
  std::ranges::sort(matches, [](const Match& a, const Match& b) {
    if (a.specificity != b.specificity) return a.specificity > b.specificity;
    return a.capability->id < b.capability->id;
  });
  std::vector<const Capability*> sorted;
  sorted.reserve(matches.size());
  for (const auto& match : matches) sorted.push_back(match.capability);
  return sorted;
}

Result<std::string> without_managed_parameters(std::string_view target,
                                               const CredentialPolicy& credential) {
  TRY_ASSIGN(const auto parsed, http::parse_target(target));
  auto names = registry::managed_parameters(credential.auth);
  names.insert(
      names.end(), credential.managed_parameters.begin(), credential.managed_parameters.end());
  const ManagedParameters managed(names);
  std::string kept = parsed.path();
  char separator = '?';
  for (const auto& piece : parsed.query()) {
    if (managed.occur_in(piece.wire)) continue;
    kept += std::exchange(separator, '&');
    kept += piece.wire;
  }
  return kept;
}

http::Headers join_repeats(const http::Headers& headers) {
  http::Headers joined;
  for (const auto& header : headers) {
    const auto name = to_lower(trim(header.name));
    const auto earlier = std::ranges::find_if(
        joined, [&](const http::Header& had) { return to_lower(trim(had.name)) == name; });
    if (earlier == joined.end() || is_single(name)) {
      joined.push_back(header);
    } else {
      earlier->value.append(", ").append(header.value);
    }
  }
  return joined;
}

}  // namespace aivault::policy
