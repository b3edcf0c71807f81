#include "policy/caller_headers.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/text.h"
#include "registry/header_names.h"
#include "registry/registry.h"

namespace aivault::policy {
namespace {

// Servers, proxies and frameworks let these replace the method, path or host that we checked.
constexpr auto kOverrides = std::to_array<std::string_view>({"x-http-method-override",
                                                             "x-http-method",
                                                             "x-method-override",
                                                             "x-method",
                                                             "x-original-method",
                                                             "x-original-url",
                                                             "x-original-uri",
                                                             "x-original-host",
                                                             "x-rewrite-url",
                                                             "x-rewrite-uri",
                                                             "x-override-url",
                                                             "x-request-uri",
                                                             "x-http-path-override",
                                                             "x-http-host-override",
                                                             "x-host",
                                                             "x-forwarded-uri",
                                                             "x-forwarded-url",
                                                             "x-forwarded-path",
                                                             "x-forwarded-prefix",
                                                             "x-forwarded-method",
                                                             "x-envoy-original-path"});

// Names with which one key acts for another account, project or user.
constexpr auto kAccountSelectors = std::to_array<std::string_view>({"openai-organization",
                                                                    "openai-project",
                                                                    "anthropic-organization",
                                                                    "stripe-account",
                                                                    "stripe-context",
                                                                    "x-goog-user-project",
                                                                    "harvest-account-id",
                                                                    "xero-tenant-id",
                                                                    "x-vault-namespace",
                                                                    "x-account",
                                                                    "x-account-id",
                                                                    "x-organization",
                                                                    "x-organization-id",
                                                                    "x-org-id",
                                                                    "x-tenant",
                                                                    "x-tenant-id",
                                                                    "x-project-id",
                                                                    "x-team-id",
                                                                    "x-workspace-id",
                                                                    "x-user-id",
                                                                    "on-behalf-of",
                                                                    "x-on-behalf-of",
                                                                    "x-impersonate",
                                                                    "x-impersonate-user",
                                                                    "impersonate-user",
                                                                    "impersonate-group",
                                                                    "sudo",
                                                                    "x-sudo"});

constexpr std::array<std::string_view, 2> kRanges = {"range", "if-range"};

template <typename Names>
bool holds(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// CGI and its heirs take X_Api_Key for X-Api-Key.
std::string comparable(std::string_view name) {
  std::string out = to_lower(trim(name));
  std::ranges::replace(out, '_', '-');
  return out;
}

bool holds_alike(std::span<const std::string> names, std::string_view compared) {
  return std::ranges::any_of(names,
                             [&](const std::string& name) { return comparable(name) == compared; });
}

// What the caller asked for and we can undo. A part of a coded body could not be undone.
std::string codings_to_ask_for(std::string_view wish) {
  std::string asked;
  for (const auto known : {"gzip", "deflate", "br", "zstd"}) {
    const auto wants = [known](std::string_view item) {
      const auto name = trim(item.substr(0, item.find(';')));
      const auto quality = to_lower(item.substr(std::min(item.size(), name.size())));
      const bool refuses = quality.find("q=0") != std::string::npos &&
                           quality.find_first_of("123456789") == std::string::npos;
      return !refuses && (name == "*" || equals_ignore_case(name, known));
    };
    const auto items = split(wish, ',');
    if (std::ranges::none_of(items, [&](auto item) { return wants(trim(item)); })) continue;
    if (!asked.empty()) asked += ", ";
    asked += known;
  }
  return asked;
}

std::vector<std::string> names_in_connection(const http::Headers& headers) {
  std::vector<std::string> names;
  for (const auto& header : headers) {
    if (comparable(header.name) != "connection") continue;
    for (const auto name : split(header.value, ',')) names.push_back(comparable(name));
  }
  return names;
}

bool is_refused(const std::string& name, const CredentialPolicy& credential) {
  if (holds(kOverrides, name) || registry::is_credential_header(name) ||
      holds_alike(registry::managed_headers(credential.auth), name) ||
      (credential.provider && holds_alike(credential.provider->injected_headers, name))) {
    return true;
  }
  if (holds_alike(credential.request_headers, name)) return false;
  return holds(registry::injected_headers(), name) || holds(kAccountSelectors, name) ||
         name.starts_with("x-amz-");
}

auto refuse(std::string_view reason, std::string_view marker, std::string_view name) {
  return policy_violation(std::string(reason),
                          std::string(marker) + ": '" + quote_for_message(name) + "'");
}

}  // namespace

Result<http::Headers> keep_caller_headers(const http::Headers& headers,
                                          const CredentialPolicy& credential,
                                          RangePolicy range) {
  const auto hop_by_hop = names_in_connection(headers);
  std::vector<std::string> seen;
  http::Headers kept;
  std::string_view wish;  // Of accept-encoding.
  for (const auto& header : headers) {
    const std::string name = to_lower(trim(header.name));
    if (name.empty()) continue;
    if (!http::is_token(name)) {
      return invalid_request("header_syntax",
                             "invalid header name '" + quote_for_message(name) + "'");
    }
    if (!http::is_field_value(header.value)) {
      return invalid_request("header_syntax",
                             "invalid header value of '" + quote_for_message(name) + "'");
    }
    const std::string compared = comparable(name);
    const bool overrides = holds(kOverrides, compared);
    if (!overrides && (registry::is_broker_header(compared) || holds_alike(hop_by_hop, compared))) {
      continue;
    }
    if (is_refused(compared, credential)) {
      return refuse("auth_header_rejected", "caller-supplied auth headers are not allowed", name);
    }
    if (holds_alike(seen, compared)) {
      return refuse("duplicate_header", "duplicate headers are not allowed", name);
    }
    seen.push_back(compared);
    if (compared == "accept-encoding") {
      wish = header.value;
    } else if (range == RangePolicy::keep || !holds(kRanges, compared)) {
      kept.push_back({name, header.value});
    }
  }
  const bool ranged = http::find(kept, "range") != nullptr;
  auto codings = ranged ? std::string() : codings_to_ask_for(wish);
  if (!codings.empty()) kept.push_back({"accept-encoding", std::move(codings)});
  return kept;
}

}  // namespace aivault::policy
