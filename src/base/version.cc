#include "base/version.h"

// The build gives AIVAULT_VERSION to this file alone: another version compiles nothing else anew.
namespace aivault {

std::string_view version() { return AIVAULT_VERSION; }

std::string_view version_text() {
  return kHonoursDevelopmentVariables ? AIVAULT_VERSION " (dev overrides)" : AIVAULT_VERSION;
}

}  // namespace aivault
