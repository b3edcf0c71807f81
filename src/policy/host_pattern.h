// Host patterns of the registry: exact names, "*.x.com", "{sub}.x.com" and "{own}".
// Thread: any; pure.
#pragma once

#include <string_view>

#include "http/host.h"

namespace aivault::policy {

// What params may stand for was judged when the host was bound; here the rest must fit, and no
// param reaches beyond it.
bool fits_host_pattern(std::string_view pattern, const http::Authority& authority);

}  // namespace aivault::policy
