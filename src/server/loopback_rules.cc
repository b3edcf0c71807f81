#include "server/loopback_rules.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/text.h"

namespace aivault::server {
namespace {

constexpr auto kHosts = std::to_array<std::string_view>({"127.0.0.1", "localhost", "[::1]"});
constexpr auto kForwarded =
    std::to_array<std::string_view>({"forwarded", "via", "x-real-ip", "x-client-ip"});

bool is_digits(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// A name that a page may have made resolve to us is none of these.
bool is_ours(std::string_view host, std::uint16_t port) {
  return std::ranges::any_of(kHosts, [&](std::string_view name) {
    if (!equals_ignore_case(host.substr(0, name.size()), name)) return false;
    const auto rest = host.substr(name.size());
    if (rest.empty()) return true;
    if (!rest.starts_with(':') || !is_digits(rest.substr(1))) return false;
    return port == 0 || rest.substr(1) == std::to_string(port);
  });
}

auto not_allowed(std::string message) {
  return policy_violation("origin_not_allowed", std::move(message));
}

}  // namespace

Result<void> check_origin(const http::Headers& headers, std::span<const std::string> allowed) {
  for (const auto& header : headers) {
    if (header.name == "origin" && std::ranges::find(allowed, header.value) == allowed.end()) {
      return not_allowed("origin not allowed");
    }
  }
  return {};
}

Result<void> check_loopback(const http::Headers& headers, std::uint16_t port) {
  const auto* host = http::find(headers, "host");
  if (host == nullptr || !is_ours(*host, port)) return not_allowed("host not allowed");
  // What a page asks for is never "none".
  for (const auto& header : headers) {
    if (header.name == "sec-fetch-site" && header.value != "same-origin" &&
        header.value != "none") {
      return not_allowed("cross-site requests are not allowed");
    }
    if (header.name.starts_with("x-forwarded-") ||
        std::ranges::find(kForwarded, header.name) != kForwarded.end()) {
      return invalid_request("header_syntax", "forwarded requests are not accepted");
    }
  }
  return {};
}

}  // namespace aivault::server
