// outcome: what the trailers behind a streamed answer say of it. Pure.
// Errors: the daemon's, with its bare message; vault_unavailable kConnectionLost (there is no
// outcome: the answer was cut), invalid_request kInvalidResponse.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace aivault::cli {

Result<void> judge_outcome(const http::Headers& trailers);
// Empty: there is no such trailer.
std::string trailer(const http::Headers& trailers, std::string_view name);

}  // namespace aivault::cli
