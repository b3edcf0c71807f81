#include "tokens/expiry.h"

#include <charconv>
#include <chrono>
#include <cstdint>

#include "base/rfc3339.h"
#include "base/text.h"
#include "vault/layout.h"

namespace aivault::tokens {
namespace {

constexpr std::int64_t kFirstMilliseconds = 100'000'000'000;
constexpr std::int64_t kLatest = 253'402'300'799'999;  // The year 9999.

std::optional<std::int64_t> number_of(const json::Value& value) {
  if (value.is(json::Kind::number)) return value.integer();
  if (!value.is(json::Kind::string)) return std::nullopt;
  const auto text = trim(value.text());
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || stop != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

std::optional<UnixMs> parse_expiry(const json::Value& value) {
  if (const auto number = number_of(value)) {
    if (*number < 0 || *number > kLatest) return std::nullopt;
    return from_int(*number >= kFirstMilliseconds ? *number : *number * 1000);
  }
  if (!value.is(json::Kind::string)) return std::nullopt;
  return parse_rfc3339(trim(value.text()));
}

json::Value print_expiry(UnixMs moment, const json::Value* like) {
  if (like == nullptr) return {to_int(moment)};
  const auto number = number_of(*like);
  if (like->is(json::Kind::string) && !number) return {vault::rfc3339(moment)};
  const bool seconds = number && *number < kFirstMilliseconds;
  const auto printed = seconds ? to_int(moment) / 1000 : to_int(moment);
  if (like->is(json::Kind::string)) return {std::to_string(printed)};
  return {printed};
}

}  // namespace aivault::tokens
