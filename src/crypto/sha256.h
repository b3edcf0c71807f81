// sha256: the digest by which people compare certificates; nothing here depends on it.
// Thread: any; pure. Source: FIPS 180-4.
#pragma once

#include <string>
#include <string_view>

namespace aivault::crypto {

std::string sha256_hex(std::string_view text);

}  // namespace aivault::crypto
