// Version: of this program, and how it is shown.
#pragma once

#include <string_view>

namespace aivault::cli {

constexpr std::string_view kVersion = AIVAULT_VERSION;
#ifdef AIVAULT_DEV_OVERRIDES
constexpr std::string_view kVersionText = AIVAULT_VERSION " (dev overrides)";
constexpr bool kHonoursDevelopmentVariables = true;
#else
constexpr std::string_view kVersionText = AIVAULT_VERSION;
constexpr bool kHonoursDevelopmentVariables = false;
#endif

}  // namespace aivault::cli
