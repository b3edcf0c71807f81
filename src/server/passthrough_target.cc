#include "server/passthrough_target.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "http/percent.h"

namespace aivault::server {
namespace {

constexpr std::string_view kBeginning = "/v/";

}  // namespace

bool is_passthrough(std::string_view path) { return path == "/v" || path.starts_with(kBeginning); }

Result<PassthroughTarget> parse_passthrough(std::string_view target) {
  if (!target.starts_with(kBeginning)) {
    return invalid_request("path_syntax", "passthrough path must start with /v/{credential}/");
  }
  target.remove_prefix(kBeginning.size());
  const auto slash = std::min(target.find('/'), target.size());
  const auto segment = target.substr(0, slash);
  const auto rest = target.substr(slash);
  if (!http::has_valid_escapes(segment)) {
    return invalid_request("path_syntax", "the credential is not percent-encoded correctly");
  }
  PassthroughTarget parsed{http::percent_decode(segment), std::string(rest)};
  const auto path = rest.substr(0, rest.find('?'));
  if (trim(parsed.account).empty() || path.size() < 2) {
    return invalid_request("path_syntax",
                           "passthrough path must include credential and upstream path");
  }
  return parsed;
}

}  // namespace aivault::server
