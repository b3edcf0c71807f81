// Operator files: provider files that operators bring, judged by the rules of the compiled-in ones
// and by what keeps them apart from those.
// Thread: any. Errors: problems with a code at the place of the fault.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "registry/check.h"
#include "registry/own_provider.h"

namespace aivault::registry {

class Registry;

inline constexpr std::string_view kOperatorPrefix = "x-";
// Of such a provider, or of one of its capabilities.
constexpr bool is_operator_id(std::string_view id) { return id.starts_with(kOperatorPrefix); }

inline constexpr std::size_t kMostOperatorFiles = 20;

// What one file may be made of. false: too much, so that comparing its patterns would take long.
bool check_limits(const ProviderFile& file, Problems& problems);

struct Judged {
  std::optional<ProviderFile> file;             // Unset: it is no provider file at all.
  std::shared_ptr<const OwnProvider> provider;  // Only if nothing is wrong.
  Problems problems;
};
// `beside`: what else there is; a provider of the same id in it is the one to be replaced.
Judged judge_file(std::string_view text, const Registry& beside);

}  // namespace aivault::registry
