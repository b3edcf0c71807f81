#include "policy/choose.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace aivault::policy {
namespace {

using Candidates = std::span<const Candidate>;

Result<void> check_named(const Candidate& candidate, std::string_view provider) {
  if (candidate.provider != provider) {
    return policy_violation("provider_mismatch",
                            "credential provider does not match capability provider");
  }
  if (!candidate.lists_capability) {
    return policy_violation("credential_scope", "credential is not scoped to this capability");
  }
  if (!candidate.secret_accessible) {
    return policy_violation("secret_not_accessible", "secret not accessible");
  }
  if (candidate.defect) return fail(*candidate.defect);
  return {};
}

Result<std::size_t> choose_named(Candidates candidates,
                                 std::string_view name,
                                 std::string_view provider) {
  const auto found = std::ranges::find_if(candidates, [&](const Candidate& candidate) {
    return candidate.id == name && candidate.enabled && candidate.scope_matches;
  });
  if (found == candidates.end()) {
    return fail(ErrorCode::credential_not_found, "unknown_credential", "credential not found");
  }
  TRY(check_named(*found, provider));
  return static_cast<std::size_t>(found - candidates.begin());
}

bool serves(const Candidate& candidate, std::string_view provider) {
  return candidate.provider == provider && candidate.scope_matches && candidate.lists_capability &&
         candidate.secret_accessible;
}

// Its owner has to set something right before it can be chosen.
bool is_unready(const Candidate& candidate) {
  return candidate.defect && (candidate.defect->code == ErrorCode::credential_not_found ||
                              candidate.defect->reason == "secret_malformed");
}

// Of what would serve if it were whole: the first defect, if none of them lacks a setting only.
std::optional<Error> common_defect(Candidates candidates, std::string_view provider) {
  std::optional<Error> first;
  for (const auto& candidate : candidates) {
    if (!candidate.enabled || !candidate.defect || !serves(candidate, provider)) continue;
    if (is_unready(candidate)) return std::nullopt;
    if (!first) first = candidate.defect;
  }
  return first;
}

tl::unexpected<Error> none(Candidates candidates, std::string_view provider) {
  if (auto defect = common_defect(candidates, provider)) return fail(*std::move(defect));
  std::string message =
      "no credential for capability provider '" + quote_for_message(provider) + "'";
  for (const auto& candidate : candidates) {
    if (!serves(candidate, provider)) continue;
    const std::string which = ": credential '" + quote_for_message(candidate.id) + "' ";
    if (!candidate.enabled) {
      return fail(
          ErrorCode::credential_not_found, "credential_disabled", message + which + "is disabled");
    }
    if (is_unready(candidate)) {
      const bool is_own = candidate.defect->code == ErrorCode::credential_not_found;
      return fail(ErrorCode::credential_not_found,
                  is_own ? candidate.defect->reason : "none_for_provider",
                  message + which + "cannot serve: " + candidate.defect->message);
    }
  }
  return fail(ErrorCode::credential_not_found, "none_for_provider", std::move(message));
}

tl::unexpected<Error> ambiguous(Candidates candidates, std::span<const std::size_t> left) {
  constexpr std::size_t kShown = 20;
  std::vector<std::string> ids;
  for (const auto index : left) ids.push_back(quote_for_message(candidates[index].id));
  std::ranges::sort(ids);
  std::string message = "multiple credentials available; pass credential id";
  for (std::size_t i = 0; i < std::min(ids.size(), kShown); ++i) {
    message += (i == 0 ? ": " : ", ") + ids[i];
  }
  if (ids.size() > kShown) message += " and " + std::to_string(ids.size() - kShown) + " more";
  return fail(ErrorCode::credential_ambiguous, "", std::move(message));
}

}  // namespace

Result<std::size_t> choose(std::span<const Candidate> candidates,
                           const std::optional<std::string>& named,
                           std::string_view provider) {
  if (named && !trim(*named).empty()) return choose_named(candidates, trim(*named), provider);

  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& candidate = candidates[i];
    if (serves(candidate, provider) && candidate.enabled && !candidate.defect) left.push_back(i);
  }
  if (left.empty()) return none(candidates, provider);
  const auto rank = [&](std::size_t i) {
    return std::pair(candidates[i].level, candidates[i].priority);
  };
  const auto best = rank(*std::ranges::max_element(left, {}, rank));
  std::erase_if(left, [&](std::size_t i) { return rank(i) != best; });
  if (left.size() > 1) return ambiguous(candidates, left);
  return left.front();
}

}  // namespace aivault::policy
