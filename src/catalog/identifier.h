// Identifier: the one rule for ids that operators choose, the same at every door.
// Thread: any. Errors: invalid_request record_invalid.
#pragma once

#include <string_view>

#include "base/result.h"

namespace aivault::catalog {

// 1 to 128 characters, no white space, no control characters, none of `forbidden`.
// `what` begins the message: "credential id".
Result<void> check_identifier(std::string_view what,
                              std::string_view id,
                              std::string_view forbidden);
Result<void> check_credential_id(std::string_view id);
Result<void> check_capability_id(std::string_view id);
Result<void> check_provider_id(std::string_view id);

}  // namespace aivault::catalog
