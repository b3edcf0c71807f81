// mcp_answer: what came of a call as the result of a tool. Pure.
#pragma once

#include <string>

#include "base/error.h"
#include "http/head.h"
#include "json/value.h"

namespace aivault::cli {

constexpr std::size_t kMaxMcpBody = std::size_t{4} << 20U;

json::Value tool_result(const http::ResponseHead& head, const std::string& body);
// `error.message` is the text form, "PolicyViolation: ...".
json::Value tool_refusal(const Error& error);
json::Value tool_too_large(std::uint64_t bytes);

}  // namespace aivault::cli
