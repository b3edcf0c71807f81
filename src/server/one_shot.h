// answer_one_shot: a connection whose first byte is '{': one JSON request until the client ends its
// sending, one answer, and the end.
// Thread: the event loop.
#pragma once

#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "broker/call.h"
#include "server/connection.h"
#include "server/core.h"

namespace aivault::server {

// `id`: of the request. `cancel` ends the coroutine that runs this.
boost::asio::awaitable<void> answer_one_shot(Core& core,
                                             Connection& connection,
                                             const broker::Caller& caller,
                                             std::string id,
                                             std::function<void()> cancel);

}  // namespace aivault::server
