#include "policy/response_headers.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "policy/managed_parameters.h"
#include "registry/header_names.h"

namespace aivault::policy {
namespace {

constexpr std::array<std::string_view, 17> kHidden = {"set-cookie",
                                                      "set-cookie2",
                                                      "www-authenticate",
                                                      "proxy-authenticate",
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
                                                      "report-to"};

// True only of the very bytes that the upstream sent.
constexpr std::array<std::string_view, 4> kDigests = {
    "content-md5", "digest", "content-digest", "repr-digest"};

std::vector<std::string> hidden_by_answer(const http::Headers& upstream,
                                          const registry::AuthSpec& auth) {
  auto names = registry::managed_headers(auth);
  for (const auto& header : upstream) {
    if (!equals_ignore_case(header.name, "connection")) continue;
    for (const auto name : split(header.value, ',')) names.push_back(to_lower(trim(name)));
  }
  return names;
}

bool holds_url(std::string_view name) { return name == "location" || name == "content-location"; }

}  // namespace

http::Headers visible_headers(const http::Headers& upstream, const registry::AuthSpec& auth) {
  const auto hidden = hidden_by_answer(upstream, auth);
  const ManagedParameters managed(registry::managed_parameters(auth));
  http::Headers visible;
  for (const auto& header : upstream) {
    const std::string name = to_lower(header.name);
    const bool goes = registry::is_broker_header(name) || name.starts_with("access-control-") ||
                      std::ranges::find(kHidden, name) != kHidden.end() ||
                      std::ranges::find(hidden, name) != hidden.end();
    if (goes) continue;
    visible.push_back({name, holds_url(name) ? managed.redact_url(header.value) : header.value});
  }
  return visible;
}

void drop_digests(http::Headers& headers) {
  std::erase_if(headers, [](const http::Header& header) {
    return std::ranges::find(kDigests, header.name) != kDigests.end();
  });
}

}  // namespace aivault::policy
