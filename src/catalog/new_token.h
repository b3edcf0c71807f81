// new_token: a proxy token that nobody has had before, and the id by which people speak of it.
// Thread: any. Errors: std::bad_alloc when guarded memory cannot be had.
#pragma once

#include <string>

#include "base/secret.h"

namespace aivault::catalog {

Secret new_token_value();
std::string new_token_id();  // "t" and 16 hex digits.

}  // namespace aivault::catalog
