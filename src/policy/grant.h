// grant: the patterns by which agents and tokens are granted capabilities: an exact id, or a
// prefix and one final '*'. No '*' covers a capability marked emits, explicit or nested.
// Thread: any; pure. Errors: invalid_request record_invalid.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/definition.h"

namespace aivault::policy {

inline constexpr std::size_t kMaxPatterns = 1'000;  // Of one agent or token.

bool needs_exact_grant(const registry::Capability& capability);
bool grants(std::span<const std::string> patterns, const registry::Capability& capability);
// Does every capability that `wanted` may cover fall under one of `held`? Ids compare as text.
bool is_within(std::span<const std::string> held, std::string_view wanted);

// Trimmed; an alias of the registry becomes the id it stands for.
Result<std::string> check_pattern(std::string_view text);

}  // namespace aivault::policy
