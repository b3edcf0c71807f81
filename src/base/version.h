// Version: of this program, and what its build adds. Thread: any.
#pragma once

#include <string_view>

namespace aivault {

std::string_view version();       // "1.2.3"
std::string_view version_text();  // With what sets a development build apart.

#ifdef AIVAULT_DEV_OVERRIDES
inline constexpr bool kHonoursDevelopmentVariables = true;
#else
inline constexpr bool kHonoursDevelopmentVariables = false;
#endif

}  // namespace aivault
