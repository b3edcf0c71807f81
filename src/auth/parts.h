// Parts: pieces of text that are still to be joined, and encodings of them that never leave
// guarded memory.
// Thread: any; the views live as long as what they were taken from.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace aivault::auth {

using Parts = std::vector<std::string_view>;

std::size_t size_of(const Parts& parts);
void append(Parts& out, const Parts& more);

enum class Alphabet : std::uint8_t { standard, url };  // url: without padding.
// Joined and in Base64, without a copy of the joined text.
Secret base64_of(const Parts& parts, Alphabet alphabet);
Secret percent_encoded(const Parts& parts);

// The inside of a JSON string literal.
void append_escaped(std::string_view text, Parts& parts);

// Every literal {{secret}} gives way to the secret; the result is not read again.
Parts filled_in(std::string_view text, std::string_view secret);

Result<void> check_header_value(const Parts& value);

}  // namespace aivault::auth
