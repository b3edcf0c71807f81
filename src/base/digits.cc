#include "base/digits.h"

#include <charconv>

namespace aivault {

std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text.front() == '-' || error != std::errc{} ||
      stop != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace aivault
