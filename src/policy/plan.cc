#include "policy/plan.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "policy/managed_parameters.h"
#include "policy/path_template.h"

namespace aivault::policy {
namespace {

std::string with_prefix(std::string_view prefix, const std::string& path) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (prefix.empty()) return path;
  return path == "/" ? std::string(prefix) : std::string(prefix) + path;
}

void add_default(const CredentialPolicy::Header& wanted, http::Headers& headers) {
  const auto same_name = [&](const http::Header& header) { return header.name == wanted.name; };
  if (!wanted.override_by_caller) std::erase_if(headers, same_name);
  if (std::ranges::none_of(headers, same_name)) headers.push_back({wanted.name, wanted.value});
}

// "/bot{{secret}}" before "/getMe" reads "/botREDACTED/getMe".
std::string redacted_path(const registry::PathAuth& auth, const std::string& path) {
  const auto parts = parse_path_template(auth.prefix_template);
  if (!parts) return "/";
  std::string out = std::string(parts->before) + "REDACTED";
  if (const auto slash = parts->after.find('/'); slash != std::string_view::npos) {
    out += parts->after.substr(slash);
  }
  return path == "/" ? out : out + path;
}

}  // namespace

PlannedRequest plan(Approved approved, PlanOptions options) {
  const auto& credential = approved.credential();
  PlannedRequest planned(approved.authority());
  planned.method_ = approved.method();
  planned.addresses_ = credential.addresses;
  planned.path_ = with_prefix(credential.path_prefix, approved.target().path());
  planned.query_ = approved.target().query();
  planned.headers_ = approved.headers();
  for (const auto& header : credential.default_headers) {
    if (header.name != "accept-encoding") add_default(header, planned.headers_);
  }
  add_default({"accept", "*/*"}, planned.headers_);
  add_default({"user-agent", "aivault/" + options.version}, planned.headers_);
  // Only what can be decoded can be scrubbed.
  add_default({"accept-encoding", "identity"}, planned.headers_);
  planned.body_size_ = approved.body_size();
  planned.chunked_ = approved.has_body() && !approved.body_size();
  planned.upgrades_ = approved.upgrades();
  planned.protocols_ = approved.protocols();
  return planned;
}

std::string redacted_url(const PlannedRequest& planned, const registry::AuthSpec& auth) {
  std::string url = (planned.upgrades() ? "wss://" : "https://") + planned.authority().text();
  const auto* path_auth = std::get_if<registry::PathAuth>(&auth);
  if (path_auth != nullptr && !parse_path_template(path_auth->prefix_template)) return url + "/";
  url += path_auth != nullptr ? redacted_path(*path_auth, planned.path()) : planned.path();

  const auto names = registry::managed_parameters(auth);
  const ManagedParameters managed(names);
  char separator = '?';
  for (const auto& piece : planned.query()) {
    url += std::exchange(separator, '&');
    url += managed.redact(piece.wire);
  }
  for (const auto& name : names) {
    url += std::exchange(separator, '&');
    url += percent_encode(name) + "=REDACTED";
  }
  return url;
}

}  // namespace aivault::policy
