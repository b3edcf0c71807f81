#include "cli/moment.h"

#include <array>
#include <cstdint>
#include <utility>

#include "base/digits.h"
#include "base/rfc3339.h"

namespace aivault::cli {
namespace {

// Times and durations beyond the year 9999 are refused.
constexpr std::int64_t kLatestMs = 253'402'300'799'999;

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr auto kUnits = std::to_array<std::pair<std::string_view, std::int64_t>>(
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}, {"", 1000}});
  for (const auto& [unit, milliseconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto count = parse_digits(text.substr(0, text.size() - unit.size()));
    if (!count) continue;
    if (*count > kLatestMs / milliseconds) return std::nullopt;
    return std::chrono::milliseconds(*count * milliseconds);
  }
  return std::nullopt;
}

std::optional<UnixMs> parse_moment(std::string_view text, UnixMs now) {
  if (const auto milliseconds = parse_digits(text)) {
    return *milliseconds > kLatestMs ? std::nullopt : std::optional(from_int(*milliseconds));
  }
  if (const auto duration = parse_duration(text)) return now + *duration;
  return parse_rfc3339(text);
}

}  // namespace aivault::cli
