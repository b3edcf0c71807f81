#include "tokens/reply.h"

#include <algorithm>
#include <charconv>

#include "base/reveal.h"
#include "base/text.h"
#include "json/parse.h"

namespace aivault::tokens {
namespace {

constexpr std::int64_t kLongestLife = std::int64_t{10} * 366 * 86400;  // Seconds.

tl::unexpected<Error> unusable(std::string message) {
  return fail(ErrorCode::auth_failed, "oauth_response", std::move(message));
}

bool is_error_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

}  // namespace

Reply::Reply(int status, int retry_after_s, const Secret& body)
    : status_(status),
      retry_after_s_(retry_after_s),
      memory_(std::make_unique<json::WipingMemory>()) {
  auto document = json::parse(body.text(Reveal()), {}, json::Positions::none, memory_.get());
  if (!document || !document->is(json::Kind::object)) return;
  document_ = std::make_unique<json::Value>(*std::move(document));
}

std::optional<std::string_view> Reply::text(std::string_view name) const {
  const auto* value = document_ ? document_->find(name) : nullptr;
  if (value == nullptr || !value->is(json::Kind::string)) return std::nullopt;
  return value->text();
}

std::optional<std::int64_t> Reply::integer(std::string_view name) const {
  const auto* value = document_ ? document_->find(name) : nullptr;
  if (value == nullptr) return std::nullopt;
  if (value->is(json::Kind::number)) return value->integer();
  if (!value->is(json::Kind::string)) return std::nullopt;
  const auto text = trim(value->text());
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || stop != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::string_view Reply::error() const {
  constexpr std::size_t kLongest = 64;
  const auto error = text("error").value_or("");
  const bool fit = error.size() <= kLongest && std::ranges::all_of(error, is_error_character);
  return fit ? error : std::string_view();
}

Result<TokenAnswer> read_token_answer(const Reply& reply, std::int64_t default_lifetime_s) {
  if (reply.document() == nullptr) return unusable("oauth2 token response must be JSON");
  const auto access = reply.text("access_token");
  if (!access || trim(*access).empty()) {
    return unusable("oauth2 token response is missing access_token");
  }
  TokenAnswer answer;
  answer.lifetime_s = default_lifetime_s;
  answer.access = Secret::copy_of(*access);
  if (const auto refresh = reply.text("refresh_token")) answer.refresh = Secret::copy_of(*refresh);
  const auto* lifetime = reply.document()->find("expires_in");
  if (lifetime != nullptr && !lifetime->is(json::Kind::null)) {
    // One that cannot be understood is trusted for nothing but the call at hand.
    answer.lifetime_s =
        std::clamp<std::int64_t>(reply.integer("expires_in").value_or(0), 0, kLongestLife);
  }
  return answer;
}

}  // namespace aivault::tokens
