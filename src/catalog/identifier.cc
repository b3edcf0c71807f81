#include "catalog/identifier.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace aivault::catalog {
namespace {

constexpr std::ptrdiff_t kMaxCharacters = 128;

std::ptrdiff_t characters_in(std::string_view utf8) {
  return std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
}

}  // namespace

Result<void> check_identifier(std::string_view what,
                              std::string_view id,
                              std::string_view forbidden) {
  const auto refuse = [&](std::string_view why) {
    return invalid_request(
        "record_invalid",
        std::string(what) + " '" + quote_for_message(id) + "' " + std::string(why));
  };
  if (!is_valid_utf8(id)) return refuse("must be UTF-8");
  if (id.empty() || characters_in(id) > kMaxCharacters)
    return refuse("must have 1 to 128 characters");
  if (has_control(id) || std::ranges::any_of(id, is_space)) {
    return refuse("must not contain white space or control characters");
  }
  if (id.find_first_of(forbidden) != std::string_view::npos) {
    std::string list;
    for (const char c : forbidden) list += list.empty() ? std::string(1, c) : std::string{' ', c};
    return refuse("must not contain " + list);
  }
  return {};
}

Result<void> check_credential_id(std::string_view id) {
  return check_identifier("credential id", id, "/?#%");
}
Result<void> check_capability_id(std::string_view id) {
  return check_identifier("capability id", id, "*");
}
Result<void> check_provider_id(std::string_view id) {
  return check_identifier("credential provider", id, "/?#%*");
}

}  // namespace aivault::catalog
