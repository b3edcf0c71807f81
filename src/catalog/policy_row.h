// PolicyRow: the operator's limits of a capability as the vault keeps them and as they are shown.
// Thread: any. Errors: invalid_request record_invalid.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"
#include "policy/limits.h"

namespace aivault::catalog {

// {"rateLimitPerMinute":60,"responseBodyBlocklist":["ssn"],...}; unknown keys are refused: a rule
// that is not understood must not be dropped.
Result<policy::Limits> parse_limits(const json::Value& object);
Result<policy::Limits> parse_policy_body(std::string_view body);
std::string body_of(const policy::Limits& limits);
// Policy, keys in documented order.
json::Value to_json(std::string_view capability, const policy::Limits& limits);

}  // namespace aivault::catalog
