// take_token: moves the proxy token that a request shows out of its head, so that nothing behind
// sees it. Whether it is one of ours is for the broker to say.
// Thread: any; pure. Errors: token_invalid token_conflict, invalid_request header_syntax.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/secret.h"
#include "http/message.h"

namespace aivault::server {

enum class TokenCarriers : std::uint8_t { own_header, authorization_too };  // x-aivault-token
bool holds_token(const http::Headers& headers, TokenCarriers carriers);
// nullptr: it shows none.
Result<std::shared_ptr<const Secret>> take_token(http::Headers& headers, TokenCarriers carriers);

}  // namespace aivault::server
