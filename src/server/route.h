// Route: what a request target asks for: one of the server's own operations or one of admin's.
// Thread: any; pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/operation.h"
#include "base/result.h"

namespace aivault::server {

enum class Own : std::uint8_t {
  none,
  health,
  proxy,
  passthrough,
  websocket,
  shutdown,
  reload,
  request,
  metrics,
  mint_token,
  self_token,
  login_start,
  login_callback,
  login_wait,
  login_cancel
};

struct Route {
  Own own = Own::none;
  const admin::Operation* operation = nullptr;  // Unless it is the server's own.
  admin::Audience audience = admin::Audience::operators;
  std::vector<std::string> ids;  // The {segments}, decoded.
  std::string_view pattern;      // "/aivault/requests/{id}"
};

struct NoRoute {
  bool path_exists = false;
  // Only for those who may know that the path exists: callers never learn operators' methods.
  bool for_callers = false;
  std::string allow;  // "GET, POST"
};

tl::expected<Route, NoRoute> find_route(std::string_view method, std::string_view path);

// The pieces of a target behind its '?', decoded, in order. Errors: invalid_request record_invalid
// for malformed escapes, keys that are not listed, and repeated ones other than "kind".
using Query = std::vector<std::pair<std::string, std::string>>;
Result<Query> parse_query(std::string_view text, std::span<const std::string_view> known);

}  // namespace aivault::server
