#include "policy/decide.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/websocket_handshake.h"
#include "policy/caller_headers.h"
#include "policy/host_pattern.h"
#include "policy/managed_parameters.h"
#include "policy/path_template.h"
#include "policy/read_only.h"
#include "registry/header_names.h"
#include "registry/pattern.h"
#include "registry/registry.h"

namespace aivault::policy {
namespace {

// Of an upgrade "WS", which names one in the rules and is never a method that a caller sends.
Result<std::string> check_method(const registry::Capability& capability, const CallRequest& call) {
  std::string method = to_upper(call.method);
  constexpr std::array<std::string_view, 3> kNever = {"CONNECT", "TRACE", "WS"};
  const bool is_known = http::is_token(method) && std::ranges::find(kNever, method) == kNever.end();
  if (call.upgrades) method = method == "GET" ? "WS" : "";
  const bool allowed = is_known && registry::allows_method(capability, method);
  if (!allowed) {
    return policy_violation("method_not_allowed", "method not allowed by capability");
  }
  return method;
}

// What no call with a credential of the provider reaches, whatever its capability says.
bool is_never(const CredentialPolicy& credential, std::string_view path) {
  if (!credential.provider || credential.provider->never.empty()) return false;
  const registry::WidePath wide(path);
  return std::ranges::any_of(credential.provider->never,
                             [&](std::string_view pattern) { return wide.matches(pattern); });
}

Result<void> check_path(const registry::Capability& capability,
                        const CredentialPolicy& credential,
                        std::string_view method,
                        std::string_view path) {
  if (!registry::allows(capability, method, path) || registry::is_excluded(capability, path) ||
      is_never(credential, path)) {
    return policy_violation("path_not_allowed", "path not allowed by capability");
  }
  return {};
}

// The host of another purpose, which a pattern with params in it may fit by accident.
bool is_listed_exactly(const CredentialPolicy& credential, const std::string& host) {
  return credential.provider && std::ranges::find(credential.provider->listed_hosts, host) !=
                                    credential.provider->listed_hosts.end();
}

Result<http::Authority> effective_host(const registry::Capability& capability,
                                       const CredentialPolicy& credential) {
  std::vector<http::Authority> matching;
  for (const auto& host : credential.hosts) {
    TRY_ASSIGN(auto authority, http::parse_authority(host));
    const bool allowed = std::ranges::any_of(capability.hosts, [&](std::string_view pattern) {
      const bool has_params = pattern.find('{') != std::string_view::npos;
      return fits_host_pattern(pattern, authority) &&
             !(has_params && is_listed_exactly(credential, authority.text()));
    });
    if (allowed && std::ranges::find(matching, authority) == matching.end()) {
      matching.push_back(std::move(authority));
    }
  }
  if (matching.empty()) {
    return policy_violation("host_mismatch", "effective host intersection is empty");
  }
  if (matching.size() > 1) {
    return policy_violation("host_mismatch",
                            "core conformance requires exactly one effective host");
  }
  return std::move(matching.front());
}

Result<void> check_authority(const http::Authority& authority, const CredentialPolicy& credential) {
  if (authority.port() && !credential.allow_any_port) {
    return policy_violation("port_not_allowed", "non-default port not allowed");
  }
  return check_literal(authority, credential.addresses);
}

Result<void> check_parameters(const http::Target& target, const CredentialPolicy& credential) {
  auto names = registry::managed_parameters(credential.auth);
  names.insert(
      names.end(), credential.managed_parameters.begin(), credential.managed_parameters.end());
  const ManagedParameters managed(names);
  const bool used = std::ranges::any_of(
      target.query(), [&](const http::QueryPiece& piece) { return managed.occur_in(piece.wire); });
  if (used) {
    return policy_violation("query_param_managed", "query auth parameter is broker-managed");
  }
  return {};
}

Result<http::Headers> headers_of(const registry::Capability& capability,
                                 const CredentialPolicy& credential,
                                 const CallRequest& call) {
  const auto range = capability.range ? RangePolicy::keep : RangePolicy::drop;
  TRY_ASSIGN(auto headers, keep_caller_headers(call.headers, credential, range));
  if (!call.multipart_content_type.empty()) {
    std::erase_if(headers, [](const auto& header) { return header.name == "content-type"; });
    headers.push_back({"content-type", call.multipart_content_type});
  }
  return headers;
}

// Of a stored record: what could break the framing of the request never leaves.
Result<void> check_defaults(const CredentialPolicy& credential) {
  for (const auto& [name, value, override_by_caller] : credential.default_headers) {
    if (!http::is_token(name) || registry::is_broker_header(name) || !http::is_field_value(value)) {
      return policy_violation("auth_config",
                              "invalid default header '" + quote_for_message(name) + "'");
    }
  }
  return {};
}

Result<void> check_path_auth(std::string_view path, const CredentialPolicy& credential) {
  const auto* auth = std::get_if<registry::PathAuth>(&credential.auth);
  const auto parts = auth == nullptr ? std::nullopt : parse_path_template(auth->prefix_template);
  if (parts && parts->before.size() > 1 && path.starts_with(parts->before)) {
    return policy_violation("path_not_allowed",
                            "caller-supplied path includes broker-managed auth prefix");
  }
  return {};
}

Result<void> check_upgrade(const CallRequest& call) {
  if (call.has_body) {
    return invalid_request("body_length", "the request of a WebSocket has no body");
  }
  const std::vector<std::string_view> protocols(call.protocols.begin(), call.protocols.end());
  if (!http::websocket::are_protocols(protocols)) {
    return invalid_request("header_syntax", "malformed WebSocket subprotocols");
  }
  return {};
}

}  // namespace

Result<Approved> decide(const registry::Capability& capability,
                        const CredentialPolicy& credential,
                        CallRequest call) {
  TRY_ASSIGN(auto target, http::parse_target(call.path));
  TRY_ASSIGN(auto method, check_method(capability, call));
  TRY(check_path(capability, credential, method, target.path()));
  if (call.read_only) TRY(check_read_only(capability, method, target));
  TRY_ASSIGN(auto authority, effective_host(capability, credential));
  TRY(check_authority(authority, credential));
  TRY(check_parameters(target, credential));
  TRY_ASSIGN(auto headers, headers_of(capability, credential, call));
  TRY(check_defaults(credential));
  TRY(check_path_auth(target.path(), credential));
  if (call.upgrades) TRY(check_upgrade(call));

  if (call.upgrades) method = "GET";
  Approved approved(std::move(method), std::move(target), std::move(authority));
  approved.upgrades_ = call.upgrades;
  approved.protocols_ = std::move(call.protocols);
  approved.headers_ = std::move(headers);
  approved.credential_ = credential;
  approved.has_body_ = call.has_body;
  if (call.has_body) approved.body_size_ = call.body_size;
  return approved;
}

}  // namespace aivault::policy
