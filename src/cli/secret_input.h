// secret_input: a secret as the person at the keyboard gives it: --value, --value-file, or a
// hidden prompt. It goes from the descriptor into locked memory; what it passed is wiped.
// Thread: one. Errors: invalid_request.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "cli/arguments.h"
#include "cli/session.h"

namespace aivault::cli {

constexpr std::size_t kMaxSecret = std::size_t{1} << 20U;  // Bytes.

// `what` is for messages: "secret value".
Result<Secret> read_secret(Session& session,
                           const Arguments& arguments,
                           std::string_view what,
                           std::string_view prompt);

}  // namespace aivault::cli
