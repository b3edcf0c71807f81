#include "http/header_list.h"

#include <algorithm>

#include "base/text.h"

namespace aivault::http {

bool lists(const Headers& headers, std::string_view name, std::string_view wanted) {
  return std::ranges::any_of(headers, [&](const Header& header) {
    if (header.name != name) return false;
    const auto items = split(header.value, ',');
    return std::ranges::any_of(
        items, [&](std::string_view item) { return equals_ignore_case(trim(item), wanted); });
  });
}

}  // namespace aivault::http
