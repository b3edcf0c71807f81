// key_text: a key as the text that a key file holds, and the way of secret bytes between a
// descriptor and a Secret.
// Thread: any.
#pragma once

#include <cstddef>
#include <optional>

#include "base/secret.h"

namespace aivault::crypto {

// ASCII white space around it is ignored; then padded standard Base64 of exactly 32 bytes, or 64
// hex digits. A key of 32 equal bytes is none.
std::optional<Secret> parse_key(const Secret& text);
Secret key_text(const Secret& key);  // Base64, without a newline.

// Everything up to the end of the file; nullopt: more than `limit` bytes, or a read error.
std::optional<Secret> read_secret(int descriptor, std::size_t limit);
bool write_secret(int descriptor, const Secret& secret);

}  // namespace aivault::crypto
