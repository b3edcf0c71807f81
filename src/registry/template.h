// Template: text with {{placeholder}} fields that secrets fill, as the auth strategies use it.
// Thread: any. Errors: policy_violation auth_config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aivault::registry {

// The placeholders in order, repeats kept, inner white space trimmed.
Result<std::vector<std::string>> placeholders_of(std::string_view text);

}  // namespace aivault::registry
