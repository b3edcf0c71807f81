// RateRefusal: what a call hears for which a rate window has no room, and whose window that was.
// Thread: any; pure. A window is named "<what>:<id>", as in "capability:a/b".
#pragma once

#include <string_view>

#include "base/error.h"

namespace aivault::vault {

// policy_violation rate_limit_exceeded.
Error rate_refusal(std::string_view window, int wait_s);
// The <what> of such an error; empty: it is another one. Valid as long as the error.
std::string_view scope_of_refusal(const Error& error);

}  // namespace aivault::vault
