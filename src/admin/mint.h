// mint: proxy tokens, for routes of the server's own: a token may end with the connection that
// asked for it, which admin knows nothing of. Thread: the operator thread. Errors: token_request,
// and those of the documented operations.
#pragma once

#include "admin/desk.h"
#include "admin/operation.h"

namespace aivault::admin {

Result<Answer> mint_token(Desk& desk, const Request& request);      // For operators.
Result<Answer> mint_own_token(Desk& desk, const Request& request);  // For any caller on a socket.

}  // namespace aivault::admin
