#include "auth/sign.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "auth/injection.h"

namespace aivault::auth {
namespace {

constexpr std::string_view kEnd = "\r\n";

void append(Parts& out, const Parts& parts) { out.insert(out.end(), parts.begin(), parts.end()); }

void append_path(const policy::PlannedRequest& planned, const Injection& injection, Parts& out) {
  if (injection.path_prefix.empty()) {
    out.emplace_back(planned.path());
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
  for (const auto& piece : planned.query()) {
    out.push_back(std::exchange(separator, "&"));
    out.emplace_back(piece.wire);
  }
  if (injection.query_pair.empty()) return;
  out.push_back(separator);
  append(out, injection.query_pair);
}

void append_headers(const policy::PlannedRequest& planned, const Injection& injection, Parts& out) {
  for (const auto& header : planned.headers()) {
    if (header.name == injection.header_name) continue;  // A default header gives way.
    for (const std::string_view part : {std::string_view(header.name),
                                        std::string_view(": "),
                                        std::string_view(header.value),
                                        kEnd}) {
      out.push_back(part);
    }
  }
  if (injection.header_name.empty()) return;
  out.emplace_back(injection.header_name);
  out.emplace_back(": ");
  append(out, injection.header_value);
  out.push_back(kEnd);
}

std::string framing_of(const policy::PlannedRequest& planned) {
  if (planned.chunked()) return "transfer-encoding: chunked\r\n";
  constexpr std::array<std::string_view, 3> kExpectBody = {"POST", "PUT", "PATCH"};
  const bool expected = std::ranges::find(kExpectBody, planned.method()) != kExpectBody.end();
  if (!planned.body_size() && !expected) return "";
  return "content-length: " + std::to_string(planned.body_size().value_or(0)) + "\r\n";
}

}  // namespace

Result<SignedRequest> sign(policy::PlannedRequest planned,
                           const registry::AuthSpec& auth,
                           const Secret& secret) {
  TRY_ASSIGN(const auto injection, make_injection(auth, secret));
  const std::string host = planned.authority().text();
  const std::string framing = framing_of(planned);

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
  return SignedRequest(std::move(planned), std::move(joined));
}

}  // namespace aivault::auth
