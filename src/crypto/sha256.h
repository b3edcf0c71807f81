// sha256: the digest by which people compare certificates, and by which old vaults named their
// keys; nothing here depends on it.
// Thread: any; pure. Source: FIPS 180-4.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace aivault::crypto {

std::string sha256_hex(std::string_view text);
std::string sha256_hex(const Secret& secret);

}  // namespace aivault::crypto
