#include "policy/token_endpoint.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace aivault::policy {
namespace {

tl::unexpected<Error> invalid_url() {
  return policy_violation("auth_config", "invalid oauth2 tokenEndpoint url");
}

enum class Place : std::uint8_t { allowed, other_port, foreign };

Place place_of(const http::Authority& authority, const TokenEndpointRules& rules) {
  auto place = Place::foreign;
  for (const auto& text : rules.hosts) {
    const auto host = http::parse_authority(text);
    if (!host || host->host() != authority.host()) continue;
    if (host->port() == authority.port() || rules.allow_any_port) return Place::allowed;
    place = authority.port() ? Place::other_port : Place::allowed;
  }
  return place;
}

}  // namespace

Result<TokenEndpoint> check_token_endpoint(std::string_view url, const TokenEndpointRules& rules) {
  url = trim(url);
  const auto mark = url.find("://");
  if (mark == std::string_view::npos || has_control(url)) return invalid_url();
  if (url.find_first_of("#@\\{} ") != std::string_view::npos) return invalid_url();
  if (!equals_ignore_case(url.substr(0, mark), "https")) {
    return policy_violation("scheme_not_allowed", "oauth2 tokenEndpoint must use https");
  }
  const auto rest = url.substr(mark + 3);
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  const auto authority = http::parse_authority(rest.substr(0, end));
  if (!authority) return invalid_url();
  std::string path(rest.substr(end));
  if (!path.starts_with('/')) path.insert(0, "/");
  auto target = http::parse_target(path);
  if (!target) return invalid_url();
  const auto place = place_of(*authority, rules);
  if (authority->port() && place != Place::allowed && !rules.allow_any_port) {
    return policy_violation("port_not_allowed",
                            "oauth2 tokenEndpoint non-default port not allowed");
  }
  if (place != Place::allowed) {
    return policy_violation("host_mismatch",
                            "oauth2 tokenEndpoint host is not allowed by credential hosts");
  }
  TRY(check_literal(*authority, rules.addresses));
  return TokenEndpoint(*authority, *std::move(target), rules.addresses);
}

PlannedRequest plan_token_request(const TokenEndpoint& endpoint,
                                  http::Headers headers,
                                  std::uint64_t body_size) {
  PlannedRequest planned(endpoint.authority());
  planned.method_ = "POST";
  planned.addresses_ = endpoint.addresses();
  planned.path_ = endpoint.target().path();
  planned.query_ = endpoint.target().query();
  planned.headers_ = std::move(headers);
  planned.body_size_ = body_size;
  return planned;
}

}  // namespace aivault::policy
