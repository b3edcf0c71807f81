// uuid: random identifiers (version 4) and what one looks like.
// Thread: any. Source: RFC 9562 section 5.4.
#pragma once

#include <string>
#include <string_view>

namespace aivault::crypto {

std::string random_uuid();            // Lower case.
bool is_uuid(std::string_view text);  // 8-4-4-4-12 lower-case hex digits.
std::string random_suffix();          // 16 hex digits, for names of temporary files.

}  // namespace aivault::crypto
