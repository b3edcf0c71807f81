// parse_digits: a whole number that is written in digits alone, without sign or blanks.
// Thread: any; pure. Errors: nullopt, also where it does not fit.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace aivault {

std::optional<std::int64_t> parse_digits(std::string_view text);

}  // namespace aivault
