// os_text: the system's words for an errno, such as "Permission denied".
// Thread: any.
#pragma once

#include <string>
#include <system_error>

namespace aivault::platform {

inline std::string os_text(int error) {
  return std::error_code(error, std::generic_category()).message();
}

}  // namespace aivault::platform
