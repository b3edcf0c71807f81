#include "policy/response_headers.h"

#include <algorithm>
#include <array>

#include "policy/caller_headers.h"
#include "policy/redact.h"

namespace aivault::policy {
namespace {

constexpr std::array<std::string_view, 20> kHidden = {"set-cookie",
                                                      "set-cookie2",
                                                      "www-authenticate",
                                                      "authorization",
                                                      "proxy-authorization",
                                                      "authentication-info",
                                                      "proxy-authentication-info",
                                                      "x-auth-token",
                                                      "x-access-token",
                                                      "x-csrf-token",
                                                      "x-xsrf-token",
                                                      "x-amz-security-token",
                                                      "alt-svc",
                                                      "clear-site-data",
                                                      "nel",
                                                      "report-to",
                                                      // Of bytes that scrubbing may change; and a
                                                      // hash would tell whether it did.
                                                      "content-md5",
                                                      "digest",
                                                      "content-digest",
                                                      "repr-digest"};

bool is_url_header(std::string_view name) {
  return name == "location" || name == "content-location" || name == "link" || name == "refresh";
}

}  // namespace

http::Headers visible_headers(const http::Headers& upstream, const registry::AuthSpec& auth) {
  const auto listed = listed_by_connection(upstream);
  const auto injected = registry::managed_headers(auth);
  const auto parameters = registry::managed_parameters(auth);
  http::Headers visible;
  for (const auto& header : upstream) {
    const auto& name = header.name;
    const auto in = [&](const auto& list) { return std::ranges::find(list, name) != list.end(); };
    if (is_connection_bound(name) || in(kHidden) || in(listed) || in(injected) ||
        name.starts_with("access-control-")) {
      continue;
    }
    visible.push_back(
        {name, is_url_header(name) ? redact_url(header.value, parameters) : header.value});
  }
  return visible;
}

}  // namespace aivault::policy
