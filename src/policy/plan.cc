#include "policy/plan.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "policy/redact.h"

namespace aivault::policy {
namespace {

std::string with_prefix(const std::string& prefix, const std::string& path) {
  if (prefix.empty()) return path;
  return path == "/" ? prefix : prefix + path;
}

void set_default(http::Headers& headers, const CredentialPolicy::Header& wanted) {
  const auto found = std::ranges::find(headers, wanted.name, &http::Header::name);
  if (found == headers.end()) {
    headers.push_back({wanted.name, wanted.value});
  } else if (!wanted.override_by_caller) {
    found->value = wanted.value;
  }
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
  for (const auto& header : credential.default_headers) set_default(planned.headers_, header);
  set_default(planned.headers_, {"accept", "*/*", true});
  set_default(planned.headers_, {"user-agent", "aivault/" + options.version, true});
  // Answers are scrubbed, so they must be readable.
  planned.headers_.push_back({"accept-encoding", "identity"});
  planned.body_size_ = approved.body_size();
  planned.chunked_ = approved.has_body() && !approved.body_size();
  return planned;
}

std::string redacted_url(const PlannedRequest& planned, const registry::AuthSpec& auth) {
  std::string path = planned.path();
  if (const auto* path_auth = std::get_if<registry::PathAuth>(&auth)) {
    const std::string_view text = path_auth->prefix_template;
    const auto open = text.find("{{");
    const auto close = text.find("}}");
    if (open == std::string_view::npos || close == std::string_view::npos) {
      return "https://" + planned.authority().text() + "/";
    }
    auto rest = text.substr(close + 2);
    rest = rest.substr(std::min(rest.find('/'), rest.size()));
    while (rest.ends_with('/')) rest.remove_suffix(1);
    const auto tail = path == "/" ? std::string() : path;
    path = std::string(text.substr(0, open)) + "REDACTED" + std::string(rest) + tail;
  }
  std::string query;
  for (const auto& piece : planned.query()) query += (query.empty() ? "" : "&") + piece.wire;
  const auto managed = registry::managed_parameters(auth);
  query = redact_parameters(query, managed);
  for (const auto& name : managed) {
    query += (query.empty() ? "" : "&") + percent_encode(name) + "=REDACTED";
  }
  return "https://" + planned.authority().text() + path + (query.empty() ? "" : "?" + query);
}

}  // namespace aivault::policy
