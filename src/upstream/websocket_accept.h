// websocket_accept: the server's half of the opening handshake of a WebSocket: what it has to say,
// and whether a server said it.
// Thread: any; pure. Source: RFC 6455 4.1 and 4.2.2. Errors: upstream_unreachable protocol.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "upstream/response_parser.h"

namespace aivault::upstream {

std::string websocket_accept(std::string_view key);

// Of an answer with status 101: the subprotocol it chose; empty: none.
Result<std::string> check_accepted(const ResponseHead& head,
                                   std::string_view key,
                                   const std::vector<std::string>& offered);

}  // namespace aivault::upstream
