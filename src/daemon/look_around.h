// look_around: lets `doctor` ask what only the daemon itself can try: its certificates, and names
// of hosts through the resolver that calls use. Thread: before the loop runs; what it sets is for
// other threads than the loop's, which they wait for in bounded time. Errors of a look-up:
// upstream_unreachable dns | timeout_connect.
#pragma once

#include <boost/asio/io_context.hpp>

#include "admin/desk.h"
#include "upstream/client.h"

namespace aivault::daemon {

void look_around(admin::DaemonFacts& facts,
                 boost::asio::io_context& loop,
                 upstream::Client& client);

}  // namespace aivault::daemon
