// PassthroughTarget: "/v/{credential}/..." taken apart: whose account, and the vendor's own target.
// Thread: any; pure. Errors: invalid_request path_syntax.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace aivault::server {

struct PassthroughTarget {
  std::string account;  // Decoded once: the id of a credential or of a provider.
  std::string rest;     // "/v1/models?limit=1", as it came.
};

bool is_passthrough(std::string_view path);  // "/v" and all below it.
Result<PassthroughTarget> parse_passthrough(std::string_view target);

}  // namespace aivault::server
