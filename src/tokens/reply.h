// Reply: what a token endpoint answered, whole and in memory that is wiped. Pure.
// Thread: one object belongs to one thread at a time. Source: RFC 6749 5.1, 5.2; docs/tokens.md.
// Errors: auth_failed oauth_response.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "json/value.h"
#include "json/wiping_memory.h"

namespace aivault::tokens {

class Reply {
 public:
  Reply(int status, int retry_after_s, const Secret& body);

  int status() const { return status_; }
  bool ok() const { return status_ >= 200 && status_ < 300; }
  int retry_after_s() const { return retry_after_s_; }             // 0: not stated.
  const json::Value* document() const { return document_.get(); }  // nullptr: no JSON object.
  // The member of that name if it is a string; lives as long as this.
  std::optional<std::string_view> text(std::string_view name) const;
  // As an integer, or a string of digits.
  std::optional<std::int64_t> integer(std::string_view name) const;
  // Of RFC 6749 5.2: "invalid_grant". Empty: none, or not fit to be shown.
  std::string_view error() const;

 private:
  int status_, retry_after_s_;
  std::unique_ptr<json::WipingMemory> memory_;  // Outlives the document.
  std::unique_ptr<json::Value> document_;
};

constexpr std::int64_t kUsualLifetime = 3600;  // Seconds.
// What comes of a successful one.
struct TokenAnswer {
  Secret access;
  Secret refresh;                            // Empty: none was given.
  std::int64_t lifetime_s = kUsualLifetime;  // 0 or less: for this call only.
};
// `default_lifetime_s`: where the answer names none.
Result<TokenAnswer> read_token_answer(const Reply& reply, std::int64_t default_lifetime_s);

}  // namespace aivault::tokens
