// PlannedRequest: the complete upstream request but for its credential. Safe to log and to audit.
// Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "policy/decide.h"

namespace aivault::policy {

struct PlanOptions {
  std::string version;  // For user-agent: aivault/<version>.
};

class TokenEndpoint;

class PlannedRequest {
 public:
  const std::string& method() const { return method_; }
  const http::Authority& authority() const { return authority_; }
  AddressPolicy addresses() const { return addresses_; }
  // The caller's target with upstreamPathPrefix; path and query auth are added by auth::sign.
  const std::string& path() const { return path_; }
  const std::vector<http::QueryPiece>& query() const { return query_; }
  // Without host, framing and injected headers, lower-case names, final order.
  const http::Headers& headers() const { return headers_; }
  std::optional<std::uint64_t> body_size() const { return body_size_; }
  bool chunked() const { return chunked_; }    // A body of unknown size follows.
  bool upgrades() const { return upgrades_; }  // To a WebSocket with one of these subprotocols.
  const std::vector<std::string>& protocols() const { return protocols_; }

 private:
  friend PlannedRequest plan(Approved, PlanOptions);
  friend PlannedRequest plan_token_request(const TokenEndpoint&, http::Headers, std::uint64_t);
  explicit PlannedRequest(http::Authority authority) : authority_(std::move(authority)) {}
  std::string method_;
  http::Authority authority_;
  AddressPolicy addresses_ = AddressPolicy::public_only;
  std::string path_;
  std::vector<http::QueryPiece> query_;
  http::Headers headers_;
  std::optional<std::uint64_t> body_size_;
  bool chunked_ = false;
  bool upgrades_ = false;
  std::vector<std::string> protocols_;
};

PlannedRequest plan(Approved approved, PlanOptions options);

// The URL for people and programs: secrets of path and query auth read REDACTED; no bare '?'.
// On any doubt only https://host/.
std::string redacted_url(const PlannedRequest& planned, const registry::AuthSpec& auth);

}  // namespace aivault::policy
