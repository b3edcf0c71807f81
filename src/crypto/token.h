// token: proxy tokens: how they are made, and the keyed hash under which they are kept.
// Thread: any. Source: RFC 4648 5 (base64url), RFC 7693 (BLAKE2b).
#pragma once

#include "base/secret.h"
#include "crypto/hash.h"

namespace aivault::crypto {

inline constexpr std::string_view kTokenPrefix = "avp_";
inline constexpr std::size_t kTokenSize = 47;  // The prefix and 43 characters of base64url.

Secret make_token();  // 256 random bits.
// Could this be a token of ours? Tells nothing about whether it is.
bool looks_like_token(const Secret& text);
Hash token_hash(const Secret& key, const Secret& token);

}  // namespace aivault::crypto
