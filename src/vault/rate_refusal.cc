#include "vault/rate_refusal.h"

#include <string>

namespace aivault::vault {
namespace {

constexpr std::string_view kReason = "rate_limit_exceeded";
constexpr std::string_view kWhat = " rate limit exceeded";

}  // namespace

Error rate_refusal(std::string_view window, int wait_s) {
  std::string message(window.substr(0, window.find(':')));
  message.append(kWhat).append("; try again in ").append(std::to_string(wait_s));
  message += wait_s == 1 ? " second" : " seconds";
  return Error{ErrorCode::policy_violation, std::string(kReason), std::move(message), wait_s};
}

std::string_view scope_of_refusal(const Error& error) {
  if (error.reason != kReason) return {};
  const std::string_view message = error.message;
  const auto end = message.find(kWhat);
  return end == std::string_view::npos ? std::string_view() : message.substr(0, end);
}

}  // namespace aivault::vault
