#include "policy/choose.h"

#include <algorithm>
#include <vector>

namespace aivault::policy {
namespace {

auto not_found(std::string reason, std::string message) {
  return fail(ErrorCode::credential_not_found, std::move(reason), std::move(message));
}

Result<std::size_t> choose_named(std::span<const Candidate> candidates,
                                 const std::string& named,
                                 std::string_view provider) {
  const auto found = std::ranges::find(candidates, named, &Candidate::id);
  if (found == candidates.end() || !found->scope_matches) {
    return not_found("unknown_credential", "credential not found");
  }
  if (!found->enabled) {
    return not_found("credential_disabled", "credential not found: it is disabled");
  }
  if (found->provider != provider) {
    return policy_violation("provider_mismatch",
                            "credential provider does not match capability provider");
  }
  if (!found->lists_capability) {
    return policy_violation("credential_scope", "credential is not scoped to this capability");
  }
  if (found->defect) return fail(*found->defect);
  if (!found->secret_accessible) {
    return policy_violation("secret_not_accessible", "secret not accessible");
  }
  return static_cast<std::size_t>(found - candidates.begin());
}

// Why nothing fits, as helpfully as the caller is entitled to know.
Error explain_none(std::span<const Candidate> candidates, std::string_view provider) {
  const std::string text = "no credential for capability provider";
  const Candidate* disabled = nullptr;
  for (const auto& candidate : candidates) {
    if (candidate.provider != provider || !candidate.scope_matches) continue;
    if (!candidate.enabled) {
      disabled = &candidate;
    } else if (candidate.defect) {
      return {ErrorCode::credential_not_found,
              candidate.defect->reason,
              text + ": " + candidate.defect->message,
              0};
    }
  }
  if (disabled != nullptr) {
    return {ErrorCode::credential_not_found,
            "credential_disabled",
            text + ": credential '" + disabled->id + "' is disabled",
            0};
  }
  return {ErrorCode::credential_not_found,
          "none_for_provider",
          text + " '" + std::string(provider) + "'",
          0};
}

}  // namespace

Result<std::size_t> choose(std::span<const Candidate> candidates,
                           const std::optional<std::string>& named,
                           std::string_view provider) {
  if (named) return choose_named(candidates, *named, provider);
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& one = candidates[i];
    const bool eligible = one.provider == provider && one.enabled && one.scope_matches &&
                          one.lists_capability && one.secret_accessible && !one.defect;
    if (!eligible) continue;
    const auto rank = [&](std::size_t at) {
      return std::pair(candidates[at].level, candidates[at].priority);
    };
    if (!best.empty() && rank(i) > rank(best.front())) best.clear();
    if (best.empty() || rank(i) == rank(best.front())) best.push_back(i);
  }
  if (best.empty()) return fail(explain_none(candidates, provider));
  if (best.size() == 1) return best.front();
  std::string message = "multiple credentials available; pass credential id:";
  for (const auto at : best) message += " " + candidates[at].id;
  return fail(ErrorCode::credential_ambiguous, "", std::move(message));
}

}  // namespace aivault::policy
