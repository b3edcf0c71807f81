// choose: which credential serves a call (row 7). The caller of this function has already asked
// the vault about every candidate's secret.
// Thread: any. Errors: credential_not_found, credential_ambiguous, policy_violation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace aivault::policy {

struct Candidate {
  std::string id;
  std::string provider;
  enum class Level : std::uint8_t { global, workspace, group } level = Level::global;
  int priority = 0;
  bool enabled = true;
  bool scope_matches = true;      // Its own scope fits the context of the call.
  bool lists_capability = true;   // Its capability list is empty or names the capability.
  bool secret_accessible = true;  // The table of vault::may_open, pins included.
  std::optional<Error> defect;    // needs host, damaged, ...: why it cannot serve.
};

// `named`: the credential the caller asked for. Returns an index into `candidates`, which hold all
// credentials (for the named case) or at least all of the provider.
Result<std::size_t> choose(std::span<const Candidate> candidates,
                           const std::optional<std::string>& named,
                           std::string_view provider);

}  // namespace aivault::policy
