#include "policy/caller_headers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "registry/header_names.h"
#include "registry/registry.h"

namespace aivault::policy {
namespace {

// Servers and frameworks let these replace the method or the target that was judged.
constexpr std::array<std::string_view, 13> kOverrides = {"x-http-method-override",
                                                         "x-http-method",
                                                         "x-method-override",
                                                         "x-method",
                                                         "x-original-url",
                                                         "x-original-uri",
                                                         "x-original-method",
                                                         "x-original-host",
                                                         "x-rewrite-url",
                                                         "x-request-uri",
                                                         "x-host",
                                                         "x-http-host-override",
                                                         "x-wap-profile"};

// They choose the account, project or person a call is charged to or acts for.
constexpr std::array<std::string_view, 24> kSelectors = {"openai-organization",
                                                         "openai-project",
                                                         "anthropic-organization",
                                                         "stripe-account",
                                                         "stripe-context",
                                                         "on-behalf-of",
                                                         "x-on-behalf-of",
                                                         "x-goog-user-project",
                                                         "x-account-id",
                                                         "x-account",
                                                         "x-organization-id",
                                                         "x-organization",
                                                         "x-org-id",
                                                         "x-tenant-id",
                                                         "x-tenant",
                                                         "x-project-id",
                                                         "x-team-id",
                                                         "x-workspace-id",
                                                         "x-user-id",
                                                         "x-impersonate",
                                                         "x-impersonate-user",
                                                         "x-sudo",
                                                         "sudo",
                                                         "x-shopify-shop-domain"};

template <typename List>
bool contains(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != std::ranges::end(list);
}

bool is_refused(std::string_view name, const HeaderRules& rules) {
  if (registry::is_credential_header(name) || contains(rules.injected, name) ||
      contains(registry::injected_headers(), name) || contains(kOverrides, name)) {
    return true;
  }
  const bool selects = name.starts_with("x-amz-") || contains(kSelectors, name);
  return selects && !contains(rules.request_headers, name);
}

bool is_dropped(std::string_view name,
                const HeaderRules& rules,
                const std::vector<std::string>& listed) {
  return is_connection_bound(name) || contains(listed, name) || name == "accept-encoding" ||
         (name == "range" && !rules.range_allowed) || (name == "content-type" && rules.multipart);
}

}  // namespace

bool is_connection_bound(std::string_view name) { return registry::is_broker_header(name); }

std::vector<std::string> listed_by_connection(const http::Headers& headers) {
  std::vector<std::string> listed;
  for (const auto& header : headers) {
    if (!equals_ignore_case(trim(header.name), "connection")) continue;
    for (const auto name : split(header.value, ',')) listed.push_back(to_lower(trim(name)));
  }
  return listed;
}

Result<http::Headers> keep_caller_headers(const http::Headers& headers, const HeaderRules& rules) {
  const auto listed = listed_by_connection(headers);
  http::Headers kept;
  for (const auto& header : headers) {
    const auto name = to_lower(trim(header.name));
    if (name.empty()) continue;
    if (!http::is_token(name)) {
      return invalid_request("header_syntax",
                             "invalid header name '" + quote_for_message(name, 64) + "'");
    }
    if (!http::is_field_value(header.value)) {
      return invalid_request("header_syntax", "invalid header value of '" + name + "'");
    }
    // What carries credentials is refused even where a connection header would drop it.
    if (is_refused(name, rules)) {
      return policy_violation("auth_header_rejected",
                              "caller-supplied auth headers are not allowed: '" + name + "'");
    }
    if (is_dropped(name, rules, listed)) continue;
    if (http::find(kept, name) != nullptr) {
      return policy_violation("duplicate_header",
                              "duplicate headers are not allowed: '" + name + "'");
    }
    kept.push_back({name, header.value});
  }
  return kept;
}

}  // namespace aivault::policy
