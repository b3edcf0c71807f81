#include "server/control.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "protocol/headers.h"

namespace aivault::server {
namespace {

constexpr std::array kControls = {protocol::kToken,
                                  protocol::kWorkspace,
                                  protocol::kGroup,
                                  protocol::kTimeoutMs,
                                  protocol::kClientIp,
                                  protocol::kComplete,
                                  protocol::kInterim};
constexpr std::int64_t kMaxTimeoutMs = std::int64_t{366} * 24 * 3600 * 1000;

// At least 1; what is beyond the maximum is the maximum.
Result<std::chrono::milliseconds> parse_timeout(std::string_view text) {
  std::int64_t value = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (stop != text.data() + text.size() || problem == std::errc::invalid_argument) {
    return invalid_request("header_syntax",
                           std::string(protocol::kTimeoutMs) + " must be a whole number");
  }
  if (problem == std::errc::result_out_of_range) value = text.front() == '-' ? 1 : kMaxTimeoutMs;
  return std::chrono::milliseconds(std::clamp<std::int64_t>(value, 1, kMaxTimeoutMs));
}

}  // namespace

Result<Control> parse_control(const http::Headers& headers) {
  for (const auto name : kControls) {
    if (std::ranges::count(headers, name, &http::Header::name) > 1) {
      return invalid_request("header_syntax", "header '" + std::string(name) + "' is repeated");
    }
  }
  const auto text = [&headers](std::string_view name) {
    const auto* value = http::find(headers, name);
    return value == nullptr ? std::string() : std::string(trim(*value));
  };
  Control control;
  control.workspace = text(protocol::kWorkspace);
  control.group = text(protocol::kGroup);
  if (http::find(headers, protocol::kClientIp) != nullptr) {
    control.client_ip = text(protocol::kClientIp);
  }
  if (http::find(headers, protocol::kTimeoutMs) != nullptr) {
    TRY_ASSIGN(control.timeout, parse_timeout(text(protocol::kTimeoutMs)));
  }
  control.complete_missing = text(protocol::kComplete) == "1";
  control.wants_interim = text(protocol::kInterim) == "1";
  return control;
}

}  // namespace aivault::server
