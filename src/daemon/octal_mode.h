// parse_octal_mode: the mode of a socket or its directory as people write it: octal, with an
// optional 0o. nullopt: anything else.
// Thread: any; pure.
#pragma once

#include <sys/types.h>

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace aivault::daemon {

inline std::optional<mode_t> parse_octal_mode(std::string_view digits) {
  constexpr mode_t kMost = 07777;
  if (digits.starts_with("0o")) digits.remove_prefix(2);
  mode_t mode = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mode, 8);
  const bool is_mode = error == std::errc() && end == digits.data() + digits.size();
  return is_mode && mode <= kMost ? std::optional(mode) : std::nullopt;
}

}  // namespace aivault::daemon
