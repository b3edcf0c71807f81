// secret_rules: what a secret may be called, how large it may be, and what may refer to it.
// Thread: any; pure. Errors: invalid_request record_invalid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vault/rows.h"

namespace aivault::vault {

inline constexpr std::size_t kMaxValueBytes = 1'048'576;
inline constexpr std::size_t kMaxNameBytes = 256;
inline constexpr std::size_t kMaxAliases = 32;
inline constexpr std::size_t kMaxAttachments = 1'024;
inline constexpr std::size_t kMaxBindings = 10'000;
inline constexpr std::size_t kMaxAgents = 10'000;
inline constexpr std::size_t kMaxTokens = 10'000;
inline constexpr std::size_t kMaxConsumerBytes = 256;
inline constexpr std::size_t kMaxSecrets = 1'000'000;
inline constexpr std::string_view kReservedPrefix = "__aivault_";

enum class Maker : std::uint8_t { people, system };  // The system may use the reserved prefix.

Result<std::string> check_name(std::string_view name, Maker maker);  // Trimmed.
// Trimmed, without blanks and repetitions, sorted.
Result<std::vector<std::string>> check_aliases(const std::vector<std::string>& aliases,
                                               Maker maker);
Result<void> check_value(const Secret& value);
Result<void> check_scope(const Scope& scope);
Result<void> check_attachment(const Attachment& group);
// Sorted, without repetitions.
Result<std::vector<Attachment>> check_attachments(std::vector<Attachment> groups);
Result<void> check_days(const std::optional<std::int64_t>& rotate_every);
// Capability, scope and consumer of a binding, which its id is made of.
Result<void> check_binding(const BindingRow& binding);

}  // namespace aivault::vault
