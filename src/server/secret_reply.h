// reply_with_token: an answer that holds a new token, which never lies in ordinary memory here.
// Thread: the event loop.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "admin/operation.h"
#include "server/turn.h"

namespace aivault::server {

boost::asio::awaitable<void> reply_with_token(Turn& turn, admin::Answer answer);

}  // namespace aivault::server
