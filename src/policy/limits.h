// Limits: what the operator's policy says about the calls of one capability, and what holds for a
// call that several of them reach: the strictest of all.
// Thread: any; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::policy {

// Which answers are searched for the secret, least strict first; automatic leaves out media and
// archives.
enum class ScrubRule : std::uint8_t { off, automatic, all };

struct Limits {
  std::optional<std::int64_t> rate_per_minute;
  std::optional<std::int64_t> max_request_bytes, max_response_bytes;
  std::vector<std::string> blocklist;  // As written: "literal:TEXT", "field:NAME" or "TEXT".
  std::optional<ScrubRule> scrub;
  bool require_approval = false;
  std::optional<std::int64_t> approval_timeout_ms;
  bool operator==(const Limits&) const = default;
};

inline constexpr std::int64_t kDefaultApprovalMs = 300'000;
inline constexpr std::int64_t kMaxApprovalMs = 3'600'000;

// A capability that reaches a call, with its policy.
struct Limited {
  std::string_view capability;
  const Limits* limits;
};

struct Rate {
  std::string window;  // "capability:a/b" or "agent:name"
  std::int64_t per_minute;
  bool operator==(const Rate&) const = default;
};

// What applies to one call.
struct CallLimits {
  std::vector<Rate> rates;  // Each must have room.
  std::optional<std::int64_t> max_request_bytes, max_response_bytes;
  std::vector<std::string> blocklist;  // Of all.
  ScrubRule scrub = ScrubRule::automatic;
  std::optional<std::int64_t> approval_ms;  // How long to wait; unset: none is asked for.
};

// `scrub: off` counts only where the capability that was named says so itself.
CallLimits strictest(std::string_view named, std::span<const Limited> apply);

}  // namespace aivault::policy
