// check_client_ip: row 2: a stated client address must be an address, and loopback.
// Thread: any; pure. Errors: invalid_request record_invalid, policy_violation remote_client.
#pragma once

#include <string_view>

#include "base/result.h"

namespace aivault::broker {

enum class RemoteClients : bool { refused, allowed };
Result<void> check_client_ip(std::string_view text, RemoteClients remote);

}  // namespace aivault::broker
