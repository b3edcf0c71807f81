#include "tokens/failure.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"

namespace aivault::tokens {
namespace {

constexpr std::size_t kMostDescription = 200;
constexpr int kTooManyRequests = 429;
constexpr int kServerError = 500;

std::string message_of(const Reply& reply, const std::shared_ptr<const policy::ScrubForms>& forms) {
  std::string message = "oauth2 token endpoint returned " + std::to_string(reply.status());
  if (!reply.error().empty()) message += " (" + std::string(reply.error()) + ")";
  const auto description = reply.text("error_description");
  if (!description || trim(*description).empty()) return message;
  // The whole is scrubbed before it is cut: half a secret is none that could be found.
  const auto scrubbed = policy::scrub_text(forms, *description);
  return message + ": " + quote_for_message(scrubbed, kMostDescription);
}

}  // namespace

std::string_view name_of(Cause cause) {
  switch (cause) {
    case Cause::login: return "login_required";
    case Cause::refused: return "refused";
    case Cause::transient: break;
  }
  return "transient";
}

Failure failure_of(const Reply& reply, const std::shared_ptr<const policy::ScrubForms>& forms) {
  Failure failure;
  failure.error = Error{ErrorCode::auth_failed, "oauth_response", message_of(reply, forms), 0};
  if (reply.status() == kTooManyRequests || reply.status() >= kServerError) {
    failure.cause = Cause::transient;
    failure.error.code = ErrorCode::upstream_unreachable;
    failure.error.reason = "token_endpoint";
    failure.error.retry_after_s = reply.retry_after_s();
  } else if (reply.error() == "invalid_grant") {
    failure.cause = Cause::login;
    failure.error.reason = "oauth_invalid_grant";
  } else if (reply.error() == "invalid_client" || reply.error() == "unauthorized_client") {
    failure.error.reason = "oauth_client";
  }
  return failure;
}

Failure failure_of(Error unanswered) {
  if (unanswered.code != ErrorCode::upstream_unreachable) {
    return {Cause::refused, std::move(unanswered)};
  }
  unanswered.message = "oauth2 token endpoint: " + unanswered.message;
  unanswered.reason = "token_endpoint";
  return {Cause::transient, std::move(unanswered)};
}

std::chrono::seconds back_off(unsigned failures, int retry_after_s) {
  constexpr int kMost = 60;
  constexpr int kMostAsked = 600;
  const int own = failures > 6 ? kMost : std::min(kMost, 1 << (std::max(failures, 1U) - 1U));
  return std::chrono::seconds(std::clamp(retry_after_s, own, kMostAsked));
}

}  // namespace aivault::tokens
