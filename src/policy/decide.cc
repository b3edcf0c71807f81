#include "policy/decide.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "policy/caller_headers.h"
#include "registry/pattern.h"
#include "registry/registry.h"

namespace aivault::policy {
namespace {

Result<void> check_method(const registry::Capability& capability, const std::string& method) {
  const bool listed = http::is_token(method) && method != "CONNECT" && method != "TRACE" &&
                      method != "WS" && registry::allows_method(capability, method);
  if (!listed) {
    return policy_violation("method_not_allowed", "method not allowed by capability");
  }
  return {};
}

// What no call with this provider's credential reaches, whichever capability allows it.
bool is_never(const registry::Capability& capability, std::string_view path) {
  if (registry::is_excluded(capability, path)) return true;
  const auto* provider = registry::find_provider(capability.provider);
  if (provider == nullptr || provider->never.empty()) return false;
  const registry::WidePath wide(path);
  return std::ranges::any_of(provider->never,
                             [&](std::string_view pattern) { return wide.matches(pattern); });
}

Result<void> check_path(const registry::Capability& capability,
                        const std::string& method,
                        const http::Target& target) {
  if (!registry::allows(capability, method, target.path()) || is_never(capability, target.path())) {
    return policy_violation("path_not_allowed", "path not allowed by capability");
  }
  return {};
}

Result<http::Authority> choose_host(const registry::Capability& capability,
                                    const CredentialPolicy& credential) {
  std::vector<http::Authority> fitting;
  for (const auto& raw : credential.hosts) {
    TRY_ASSIGN(auto host, http::parse_authority(raw));
    const bool allowed = std::ranges::any_of(
        capability.hosts, [&](std::string_view pattern) { return http::matches(pattern, host); });
    const bool known = std::ranges::find(fitting, host) != fitting.end();
    if (allowed && !known) fitting.push_back(std::move(host));
  }
  if (fitting.empty()) {
    return policy_violation("host_mismatch", "effective host intersection is empty");
  }
  if (fitting.size() > 1) {
    return policy_violation("host_mismatch",
                            "core conformance requires exactly one effective host");
  }
  auto host = std::move(fitting.front());
  if (host.port() && !credential.allow_any_port) {
    return policy_violation("port_not_allowed", "non-default port not allowed");
  }
  TRY(check_literal(host, credential.addresses));
  return host;
}

// The names in one query piece: the whole piece's, and those behind each ';', where some servers
// split too.
bool names_parameter(std::string_view wire, std::string_view folded) {
  return std::ranges::any_of(split(wire, ';'), [&](std::string_view part) {
    return http::fold_parameter_name(part.substr(0, part.find('='))) == folded;
  });
}

Result<void> check_query(const CredentialPolicy& credential, const http::Target& target) {
  auto managed = registry::managed_parameters(credential.auth);
  managed.insert(
      managed.end(), credential.managed_parameters.begin(), credential.managed_parameters.end());
  for (const auto& name : managed) {
    const auto folded = http::fold_parameter_name(name);
    const bool used = std::ranges::any_of(target.query(), [&](const http::QueryPiece& piece) {
      return names_parameter(piece.wire, folded);
    });
    if (used) {
      return policy_violation("query_param_managed", "query auth parameter is broker-managed");
    }
  }
  return {};
}

// The credential's own path would otherwise be open to imitation.
Result<void> check_path_auth(const CredentialPolicy& credential, const http::Target& target) {
  const auto* path = std::get_if<registry::PathAuth>(&credential.auth);
  if (path == nullptr) return {};
  const std::string_view beginning =
      std::string_view(path->prefix_template).substr(0, path->prefix_template.find("{{"));
  if (beginning.size() > 1 && target.path().starts_with(beginning)) {
    return policy_violation("path_not_allowed",
                            "caller-supplied path includes broker-managed auth prefix");
  }
  return {};
}

}  // namespace

Result<Approved> decide(const registry::Capability& capability,
                        const CredentialPolicy& credential,
                        CallRequest call) {
  TRY_ASSIGN(auto target, http::parse_target(call.path));
  auto method = to_upper(call.method);
  TRY(check_method(capability, method));
  TRY(check_path(capability, method, target));
  TRY_ASSIGN(auto host, choose_host(capability, credential));
  TRY(check_query(credential, target));

  const auto injected = registry::managed_headers(credential.auth);
  const bool multipart = !call.multipart_content_type.empty();
  TRY_ASSIGN(auto headers,
             keep_caller_headers(
                 call.headers,
                 HeaderRules{injected, credential.request_headers, capability.range, multipart}));
  if (multipart) headers.push_back({"content-type", std::move(call.multipart_content_type)});
  TRY(check_path_auth(credential, target));

  Approved approved(std::move(method), std::move(target), std::move(host));
  approved.headers_ = std::move(headers);
  approved.credential_ = credential;
  approved.has_body_ = call.has_body;
  approved.body_size_ = call.has_body ? call.body_size : std::nullopt;
  return approved;
}

}  // namespace aivault::policy
