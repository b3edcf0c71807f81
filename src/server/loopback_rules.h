// check_loopback: what a request that came over TCP must look like: meant for this machine, by a
// program of it, and by no page of a browser.
// Thread: any; pure. Errors: policy_violation origin_not_allowed, invalid_request header_syntax.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "http/message.h"

namespace aivault::server {

// Browsers say which page asks. `allowed`: those of the operator's choice, as browsers write them.
Result<void> check_origin(const http::Headers& headers, std::span<const std::string> allowed);
// `port`: of the listener; 0: it is not ours to know, and any will do. After check_origin.
Result<void> check_loopback(const http::Headers& headers, std::uint16_t port);

}  // namespace aivault::server
