#include "base/rfc3339.h"

#include <cstdint>

#include "base/digits.h"

namespace aivault {
namespace {

// Takes exactly `count` digits from the front.
std::optional<int> take(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  const auto number = parse_digits(text.substr(0, count));
  if (!number) return std::nullopt;
  text.remove_prefix(count);
  return static_cast<int>(*number);
}

bool skip(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::minutes> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  const bool east = text.starts_with('+');
  if (!east && !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take(text, 2);
  if (!hours || *hours > 23 || !skip(text, ':')) return std::nullopt;
  const auto minutes = take(text, 2);
  if (!minutes || *minutes > 59 || !text.empty()) return std::nullopt;
  const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return east ? offset : -offset;
}

std::chrono::milliseconds take_fraction(std::string_view& text) {
  int thousandths = 0;
  int weight = 100;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    thousandths += weight * (text.front() - '0');
    weight /= 10;
    text.remove_prefix(1);
  }
  return std::chrono::milliseconds(thousandths);
}

}  // namespace

std::optional<UnixMs> parse_rfc3339(std::string_view text) {
  const auto year = take(text, 4);
  if (!year || !skip(text, '-')) return std::nullopt;
  const auto month = take(text, 2);
  if (!month || !skip(text, '-')) return std::nullopt;
  const auto day = take(text, 2);
  if (!day || !(skip(text, 'T') || skip(text, 't') || skip(text, ' '))) return std::nullopt;
  const auto hour = take(text, 2);
  if (!hour || *hour > 23 || !skip(text, ':')) return std::nullopt;
  const auto minute = take(text, 2);
  if (!minute || *minute > 59 || !skip(text, ':')) return std::nullopt;
  const auto second = take(text, 2);
  if (!second || *second > 59) return std::nullopt;
  std::chrono::milliseconds fraction{0};
  if (skip(text, '.')) {
    if (text.empty() || !parse_digits(text.substr(0, 1))) return std::nullopt;
    fraction = take_fraction(text);
  }
  const auto offset = parse_offset(text);
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!offset || !date.ok()) return std::nullopt;
  return UnixMs(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
                std::chrono::minutes(*minute) + std::chrono::seconds(*second) + fraction - *offset);
}

}  // namespace aivault
