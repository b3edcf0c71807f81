// access_rows: agents, tokens and the default access as the vault keeps them.
// Thread: any; pure. Errors: invalid_request record_invalid.
#pragma once

#include <string_view>

#include "catalog/access.h"

namespace aivault::catalog {

Result<DefaultAccess> parse_default_access(std::string_view body);

}  // namespace aivault::catalog
