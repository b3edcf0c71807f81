#include "daemon/duration.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace aivault::daemon {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kUnits = {{
    {"", 1000},
    {"ms", 1},
    {"s", 1000},
    {"m", 60'000},
    {"h", 3'600'000},
    {"d", 86'400'000},
}};
constexpr std::int64_t kLongest = 3650LL * 86'400'000;

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  std::int64_t count = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 0 || text.starts_with('-')) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, factor] : kUnits) {
    if (name == unit && count <= kLongest / factor) return milliseconds(count * factor);
  }
  return std::nullopt;
}

}  // namespace aivault::daemon
