// Percent: the escapes of RFC 3986 2.1 inside request targets.
// Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace aivault::http {

bool has_valid_escapes(std::string_view text);      // Two hex digits behind every '%'.
std::string percent_decode(std::string_view text);  // Once; malformed escapes stay as they are.
// Bytes for which `is_plain` is false become %XX (upper case).
std::string percent_encode_unless(std::string_view text, bool (*is_plain)(char));

}  // namespace aivault::http
