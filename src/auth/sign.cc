#include "auth/sign.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "auth/injection.h"
#include "auth/sigv4.h"

namespace aivault::auth {
namespace {

constexpr std::string_view kEnd = "\r\n";

void append_path(const policy::PlannedRequest& planned, const Injection& injection, Parts& out) {
  if (injection.path_prefix.empty()) {
    out.emplace_back(injection.path ? *injection.path : planned.path());
    return;
  }
  append(out, injection.path_prefix);
  std::string_view path = planned.path();
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  if (path.empty()) return;
  out.emplace_back("/");
  out.push_back(path);
}

void append_query(const policy::PlannedRequest& planned, const Injection& injection, Parts& out) {
  std::string_view separator = "?";
  const auto add = [&](const Parts& pair) {
    out.push_back(std::exchange(separator, "&"));
    append(out, pair);
  };
  if (injection.query) {
    for (const auto& pair : *injection.query) add({pair});
  } else {
    for (const auto& piece : planned.query()) add({piece.wire});
  }
  for (const auto& pair : injection.query_pairs) add(pair);
}

void append_headers(const policy::PlannedRequest& planned, const Injection& injection, Parts& out) {
  for (const auto& header : planned.headers()) {
    // A default header gives way.
    if (std::ranges::find(injection.headers, header.name, &Injection::Header::name) !=
        injection.headers.end()) {
      continue;
    }
    append(out, {header.name, ": ", header.value, kEnd});
  }
  for (const auto& header : injection.headers) {
    append(out, {header.name, ": "});
    append(out, header.value);
    out.push_back(kEnd);
  }
}

// RFC 6455 4.1. No extension is offered: what is compressed could not be scrubbed.
std::string upgrade_of(const policy::PlannedRequest& planned, const std::string& key) {
  std::string lines =
      "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
      "sec-websocket-key: " +
      key + "\r\n";
  std::string_view separator = "sec-websocket-protocol: ";
  for (const auto& protocol : planned.protocols()) {
    lines.append(std::exchange(separator, ", ")).append(protocol);
  }
  return planned.protocols().empty() ? lines : lines + "\r\n";
}

std::string framing_of(const policy::PlannedRequest& planned, const std::string& websocket_key) {
  if (planned.upgrades()) return upgrade_of(planned, websocket_key);
  if (planned.chunked()) return "transfer-encoding: chunked\r\n";
  constexpr std::array<std::string_view, 3> kExpectBody = {"POST", "PUT", "PATCH"};
  const bool expected = std::ranges::find(kExpectBody, planned.method()) != kExpectBody.end();
  if (!planned.body_size() && !expected) return "";
  return "content-length: " + std::to_string(planned.body_size().value_or(0)) + "\r\n";
}

}  // namespace

BodyNeed body_need(const registry::AuthSpec& auth) {
  if (const auto* hmac = std::get_if<registry::HmacAuth>(&auth)) {
    return hmac->payload == registry::HmacPayload::canonical ? BodyNeed::nothing : BodyNeed::whole;
  }
  if (const auto* aws = std::get_if<registry::AwsSigV4Auth>(&auth)) {
    return is_s3(*aws) ? BodyNeed::small : BodyNeed::whole;
  }
  return BodyNeed::nothing;
}

Result<SignedRequest> sign(policy::PlannedRequest planned,
                           const registry::AuthSpec& auth,
                           const Secret& secret,
                           const SigningInput& input) {
  TRY_ASSIGN(const auto injection, make_injection(auth, secret, planned, input));
  const std::string host = planned.authority().text();
  const std::string framing = framing_of(planned, input.websocket_key);

  Parts head = {planned.method(), " "};
  append_path(planned, injection, head);
  append_query(planned, injection, head);
  head.emplace_back(" HTTP/1.1\r\nhost: ");
  head.emplace_back(host);
  head.push_back(kEnd);
  append_headers(planned, injection, head);
  head.emplace_back(framing);
  head.push_back(kEnd);
  auto joined = Secret::join(head);  // Before `planned`, which it reads, is moved away.
  const bool upgrades = planned.upgrades();
  SignedRequest request(std::move(planned), std::move(joined));
  for (const auto value : injection.computed) request.computed_.push_back(Secret::copy_of(value));
  if (upgrades) request.websocket_key_ = input.websocket_key;
  if (std::holds_alternative<registry::MtlsAuth>(auth)) {
    TRY_ASSIGN(request.identity_, client_identity(secret));
  }
  return request;
}

}  // namespace aivault::auth
