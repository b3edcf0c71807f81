#include "protocol/error_body.h"

#include <array>

#include "json/parse.h"
#include "json/write.h"

namespace aivault::protocol {
namespace {

constexpr std::array kCodes = {ErrorCode::policy_violation,
                               ErrorCode::capability_not_found,
                               ErrorCode::credential_not_found,
                               ErrorCode::credential_ambiguous,
                               ErrorCode::vault_unavailable,
                               ErrorCode::auth_failed,
                               ErrorCode::oauth_refresh_required,
                               ErrorCode::upstream_unreachable,
                               ErrorCode::token_invalid,
                               ErrorCode::invalid_request,
                               ErrorCode::operator_auth_required};

int status_of_invalid_request(std::string_view reason) {
  if (reason == "content_type") return 415;
  if (reason == "exists" || reason == "changed") return 409;
  if (reason == "not_found" || reason == "unknown_endpoint") return 404;
  return 400;
}

int status_of_policy(std::string_view reason) {
  if (reason == "body_too_large") return 413;
  if (reason == "response_too_large") return 502;
  const bool limit = reason == "rate_limit_exceeded" || reason == "concurrency_limit" ||
                     reason == "approval_queue_full";
  return limit ? 429 : 403;
}

}  // namespace

int http_status(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_request: return status_of_invalid_request(error.reason);
    case ErrorCode::policy_violation: return status_of_policy(error.reason);
    case ErrorCode::token_invalid: return 401;
    case ErrorCode::operator_auth_required: return 403;
    case ErrorCode::capability_not_found:
    case ErrorCode::credential_not_found: return 404;
    case ErrorCode::credential_ambiguous: return 409;
    case ErrorCode::auth_failed:
    case ErrorCode::oauth_refresh_required: return 502;
    case ErrorCode::upstream_unreachable: return error.reason.starts_with("timeout_") ? 504 : 502;
    case ErrorCode::vault_unavailable: return error.reason == "internal" ? 500 : 503;
  }
  return 500;
}

std::string to_json(const Error& error) {
  auto body = json::Value::object(
      {{"error", json::Value(to_string(error.code))}, {"message", json::Value(error.message)}});
  if (!error.reason.empty()) body.set("reason", error.reason);
  return json::compact(body);
}

std::optional<Error> error_from_json(std::string_view text) {
  const auto parsed = json::parse(text);
  if (!parsed) return std::nullopt;
  const auto* code = parsed->find("error");
  const auto* message = parsed->find("message");
  const auto* reason = parsed->find("reason");
  if (code == nullptr || message == nullptr || !code->is(json::Kind::string) ||
      !message->is(json::Kind::string)) {
    return std::nullopt;
  }
  for (const auto known : kCodes) {
    if (code->text() != to_string(known)) continue;
    return Error{known,
                 std::string(reason == nullptr ? "" : reason->text()),
                 std::string(message->text()),
                 0};
  }
  return std::nullopt;
}

std::string to_text(const Error& error) {
  return std::string(text_name(error.code)) + ": " + error.message;
}

}  // namespace aivault::protocol
