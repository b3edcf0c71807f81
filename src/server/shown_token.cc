#include "server/shown_token.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/text.h"
#include "base/wipe.h"
#include "protocol/headers.h"

namespace aivault::server {
namespace {

constexpr std::string_view kAuthorization = "authorization";

std::string_view without_scheme(std::string_view value) {
  constexpr std::string_view kBearer = "bearer ";
  if (!equals_ignore_case(value.substr(0, kBearer.size()), kBearer)) return value;
  return trim(value.substr(kBearer.size()));
}

bool is_carrier(const http::Header& header, TokenCarriers carriers) {
  return header.name == protocol::kToken ||
         (header.name == kAuthorization && carriers == TokenCarriers::authorization_too);
}

}  // namespace

bool holds_token(const http::Headers& headers, TokenCarriers carriers) {
  return std::ranges::any_of(
      headers, [carriers](const http::Header& header) { return is_carrier(header, carriers); });
}

Result<std::shared_ptr<const Secret>> take_token(http::Headers& headers, TokenCarriers carriers) {
  std::shared_ptr<const Secret> token;
  std::array<bool, 2> had{};
  bool repeated = false, conflict = false;
  for (auto& header : headers) {
    if (!is_carrier(header, carriers)) continue;
    const bool own = header.name == protocol::kToken;
    auto& had_this = had[own ? 0 : 1];
    repeated = repeated || had_this;
    had_this = true;
    const auto value = trim(header.value);
    auto shown = Secret::copy_of(own ? value : without_scheme(value));
    wipe(header.value);
    if (token) {
      conflict = conflict || !(*token == shown);
    } else {
      token = std::make_shared<const Secret>(std::move(shown));
    }
  }
  std::erase_if(headers,
                [carriers](const http::Header& header) { return is_carrier(header, carriers); });
  if (repeated) return invalid_request("header_syntax", "a header with a token is repeated");
  if (conflict) {
    return fail(ErrorCode::token_invalid, "token_conflict", "two different proxy tokens");
  }
  return token;
}

}  // namespace aivault::server
