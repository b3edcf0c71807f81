// Exempt content: which bodies of answers pass without being scrubbed, because they are media and
// archives and not text. Pure.
// Thread: any. Source: docs/policy.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace aivault::policy {

// automatic: what is declared as media or an archive and looks like it passes; all: nothing
// passes; off: everything does. Header values are scrubbed in any case.
enum class ScrubMode : std::uint8_t { automatic, all, off };

constexpr std::size_t kExemptSample = 512;  // Bytes of a body that show what it is.

// By the value of content-type.
bool may_be_exempt(std::string_view content_type);
// Is `sample`, what is known of the first 512 bytes, no text: a NUL in it, or no UTF-8?
bool looks_binary(std::string_view sample);

}  // namespace aivault::policy
